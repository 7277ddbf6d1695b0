"""How an outgoing message comes to be: the only code that makes its row, which is born with the ids of its trace.

What is written to one person gets a row here; what a campaign writes to many is made by one statement.
"""

from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.core.domain.messages import Direction, MessageKind, MessageStatus
from services.core.domain.segments import count_segments
from services.core.runtime import metering, tracing
from services.core.storage.instruments import TRANSITIONS
from services.core.storage.models import Contact, Message

MAKE_OF_CAMPAIGN = """
WITH chosen AS MATERIALIZED (
    SELECT id FROM recipients WHERE campaign_id = :campaign_id AND excluded IS NULL AND id > :after
    ORDER BY id LIMIT :limit
), made AS (
INSERT INTO messages (direction, kind, campaign_id, recipient_id, step, variant, contact_id, e164, sender,
                      sender_phone_number_id, body, body_hash, segments, status, begun_by, traceparent)
SELECT 'outgoing', campaign.kind, campaign.id, recipient.id, recipient.step, recipient.variant, recipient.contact_id,
       recipient.e164, campaign.sender, campaign.sender_phone_number_id, recipient.body,
       sha256(convert_to(recipient.body, 'UTF8')), recipient.segments, 'pending', campaign.traceparent,
       concat_ws('-', '00', replace(gen_random_uuid()::text, '-', ''),
                 right(replace(gen_random_uuid()::text, '-', ''), 16),
                 CASE WHEN random() < :share_of_traces THEN '01' ELSE '00' END)
FROM chosen JOIN recipients AS recipient ON recipient.id = chosen.id
     JOIN campaigns AS campaign ON campaign.id = recipient.campaign_id
     JOIN contacts AS contact ON contact.id = recipient.contact_id AND contact.erased_at IS NULL
ORDER BY recipient.id
ON CONFLICT (campaign_id, step, e164) WHERE direction = 'outgoing' DO NOTHING
RETURNING 1
)
SELECT (SELECT count(*) FROM made) AS made, count(*) AS chosen, max(id) AS last_id FROM chosen
"""


def one(
    session: Session,
    contact: Contact,
    body: str,
    *,
    sender: str,
    sender_phone_number_id: str,
    not_before: datetime,
    share_of_traces: float,
    conversation_id: str | None = None,
) -> Message:
    """A transactional text, `body` as it will be sent, due at `not_before`; its id is set.

    Its trace is its own, linked with the current one; such a share of traces is kept.
    """
    message = _outgoing(
        contact.id,
        contact.e164,
        body,
        kind=MessageKind.TRANSACTIONAL,
        sender=sender,
        sender_phone_number_id=sender_phone_number_id,
        conversation_id=conversation_id,
        segments=count_segments(body).segments,
        status=MessageStatus.PENDING,
        not_before=not_before,
        traceparent=tracing.new_trace(kept=share_of_traces),
        begun_by=tracing.traceparent(),
    )
    tracing.link(message.traceparent)
    return _added(session, message)


def of_campaign(session: Session, campaign_id: int, *, after: int, limit: int, share_of_traces: float) -> int | None:
    """One pending message for each of the next `limit` planned recipients above the id `after`, each with the ids of a
    trace to come, of which a share is kept.

    Answers the last recipient's id when there may be more of them, else None. A repetition makes none twice.
    """
    values = {"campaign_id": campaign_id, "after": after, "limit": limit, "share_of_traces": share_of_traces}
    made, chosen, last_id = session.execute(text(MAKE_OF_CAMPAIGN), values).one()
    metering.count(TRANSITIONS, MessageStatus.PENDING, by=made)
    return last_id if chosen == limit else None


def found_at_provider(
    session: Session,
    contact: Contact,
    body: str,
    *,
    sender: str,
    sender_phone_number_id: str,
    conversation_id: str | None,
    provider_message_id: str,
    submitted_at: datetime,
) -> Message:
    """A text that left us and of which nothing is known here.

    It counts as marketing, so that its person is not written to again.
    """
    message = _outgoing(
        contact.id,
        contact.e164,
        body,
        kind=MessageKind.MARKETING,
        sender=sender,
        sender_phone_number_id=sender_phone_number_id,
        conversation_id=conversation_id,
        status=MessageStatus.SENT,
        submitted_at=submitted_at,
        provider_message_id=provider_message_id,
        begun_by=tracing.traceparent(),
    )
    return _added(session, message)


def _outgoing(contact_id: int, e164: str, body: str, **facts: Any) -> Message:
    body_hash = sha256(body.encode()).digest()
    return Message(
        direction=Direction.OUTGOING, contact_id=contact_id, e164=e164, body=body, body_hash=body_hash, **facts
    )


def _added(session: Session, message: Message) -> Message:
    session.add(message)
    session.flush()
    metering.count(TRANSITIONS, message.status)
    return message
