"""Put one transactional text into the outbox: a follow-up, an answer. The gate decides about it as about any other."""

from datetime import datetime
from hashlib import sha256

from services.core.domain.messages import Direction, MessageKind, MessageStatus
from services.core.domain.segments import count_segments, normalise_text
from services.core.runtime import tracing
from services.core.storage.database import Session
from services.core.storage.models import Contact, Message
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
    """The stored message, due at `not_before`; its id is set. Its trace is its own, linked with the current one."""
    body = normalise_text(text)
    message = Message(
        direction=Direction.OUTGOING,
        kind=MessageKind.TRANSACTIONAL,
        contact_id=contact.id,
        e164=contact.e164,
        sender=context.settings.provider_phone_number,
        sender_phone_number_id=context.settings.provider_phone_number_id,
        conversation_id=conversation_id,
        body=body,
        body_hash=sha256(body.encode()).digest(),
        segments=count_segments(body).segments,
        status=MessageStatus.PENDING,
        not_before=not_before,
        traceparent=tracing.new_trace(kept=context.settings.trace_sample_ratio),
        begun_by=tracing.traceparent(),
    )
    tracing.link(message.traceparent)
    session.add(message)
    session.flush()
    return message
