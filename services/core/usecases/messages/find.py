"""Find messages: by campaign, state and person, or one by its id."""

from services.core.domain.failures import NotFound
from services.core.storage import messages
from services.core.usecases.contacts.person_key import read_phone
from services.core.usecases.context import Context
from services.core.views.messages import Message
from services.core.views.values import Page, page_of


def list_messages(
    context: Context,
    *,
    campaign_id: int | None = None,
    status: str | None = None,
    phone: str | None = None,
    after: int,
    limit: int,
) -> Page[Message]:
    """Messages by id, also of one person, whose `phone` is a number in any form. Raises `RefusedInput`."""
    e164 = read_phone(context, phone) if phone is not None else None
    with context.database.reading() as session:
        rows = messages.page(session, campaign_id=campaign_id, status=status, e164=e164, after=after, limit=limit + 1)
        return page_of(rows, limit, Message.of)


def show_message(context: Context, message_id: int) -> Message:
    """Raises `NotFound`."""
    with context.database.reading() as session:
        message = messages.find(session, message_id)
        if message is None:
            raise NotFound("message", message_id)
        return Message.of(message)
