"""Find received webhooks: all, those of one state, or one byte for byte."""

from services.core.domain.inbox import InboxStatus
from services.core.storage import inbox
from services.core.usecases.context import Context
from services.core.usecases.webhooks.stored import body_of, found, view_of
from services.core.views.values import Page, page_of
from services.core.views.webhooks import Webhook, WebhookBody


def list_webhooks(context: Context, *, status: InboxStatus | None, after: int, limit: int) -> Page[Webhook]:
    """Webhooks by id, those of one state or all."""
    with context.database.reading() as session:
        rows = inbox.page(session, status=status, after=after, limit=limit + 1)
        return page_of(rows, limit, view_of)


def show_webhook(context: Context, webhook_id: int) -> WebhookBody:
    """A webhook with its body. Raises `NotFound`."""
    with context.database.reading() as session:
        return body_of(found(inbox.find(session, webhook_id), webhook_id))
