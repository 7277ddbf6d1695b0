"""Put one transactional text into the outbox: a follow-up, an answer. The gate decides about it as about any other."""

from datetime import datetime

from services.core.domain.segments import normalise_text
from services.core.storage.database import Session
from services.core.storage.models import Contact, Message
from services.core.storage.outbox import make
from services.core.usecases.context import Context


def queue_text(
    context: Context,
    session: Session,
    contact: Contact,
    text: str,
    *,
    not_before: datetime,
    conversation_id: str | None = None,
) -> Message:
    """The stored message from the installation's number, due at `not_before`; its id is set."""
    return make.one(
        session,
        contact,
        normalise_text(text),
        sender=context.settings.provider_phone_number,
        sender_phone_number_id=context.settings.provider_phone_number_id,
        not_before=not_before,
        share_of_traces=context.settings.trace_sample_ratio,
        conversation_id=conversation_id,
    )
