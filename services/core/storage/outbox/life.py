"""The life of a message: the only code that writes its state.

Each step is one of the transition table's, ends any lease, and is counted, whether it is taken for one message or for
many.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from services.core.domain.messages import MessageStatus, Receipt, after_receipt, check_transition
from services.core.runtime import metering
from services.core.storage.bulk import count_written, once
from services.core.storage.instruments import TRANSITIONS
from services.core.storage.models import Attempt, Message

NOW = func.clock_timestamp()
IN_FLIGHT = (MessageStatus.SENDING, MessageStatus.UNCERTAIN)


def begin(session: Session, message: Message, *, at: datetime, lease: timedelta, next_look_at: datetime) -> Attempt:
    """Commit to submitting: the message becomes `sending` and the attempt is on record before any byte leaves."""
    leased_until = session.execute(select(NOW + lease)).scalar_one()
    attempt = _attempt(session, message, started_at=at, next_look_at=next_look_at)
    move(message, MessageStatus.SENDING, at=at)
    message.submitted_at = at
    message.lease_until = leased_until
    session.flush()
    return attempt


def begun_before(session: Session, message: Message, *, started_at: datetime, at: datetime) -> Attempt:
    """A pending text that has left already, as its provider says: an attempt that nobody here remembers."""
    message.fence += 1
    attempt = _attempt(session, message, started_at=started_at, finished_at=at, outcome="recovered")
    message.lease_until = at  # one that is being sent has a lease, and this one is bound in the same breath
    _step(message, MessageStatus.SENDING)
    message.submitted_at = started_at
    return attempt


def bind(
    message: Message, attempt: Attempt, provider_message_id: str, conversation_id: str | None, *, at: datetime
) -> None:
    """The provider has the text under this id."""
    move(message, MessageStatus.SENT, at=at)
    message.provider_message_id = provider_message_id
    message.conversation_id = conversation_id or message.conversation_id
    attempt.next_look_at = None


def move(message: Message, status: MessageStatus, *, at: datetime, reason: str | None = None) -> None:
    """Take a step of the transition table; ends any lease. Raises `TransitionRefused`."""
    _step(message, status)
    message.reason = reason
    message.lease_until = None
    message.updated_at = at


def skip(message: Message, *, reason: str, at: datetime) -> None:
    """End a message that will never be sent."""
    move(message, MessageStatus.SKIPPED, reason=reason, at=at)


def skip_waiting_for(session: Session, contact_ids: Sequence[int], *, reason: str) -> int:
    """End everything that waits for these contacts, and flag what may be on its way already; how many ended."""
    session.execute(
        update(Message)
        .where(Message.contact_id.in_(contact_ids), Message.status.in_(IN_FLIGHT))
        .values(opted_out_in_flight=True)
    )
    return _skip_all(session, Message.contact_id.in_(contact_ids), reason=reason)


def skip_waiting_of(session: Session, campaign_id: int, *, reason: str, limit: int) -> int:
    """End messages of the campaign that were not submitted, at most `limit` of them; how many."""
    waiting = (
        select(Message.id)
        .where(Message.campaign_id == campaign_id, Message.status == MessageStatus.PENDING)
        .limit(limit)
        # What somebody's STOP ends at this moment is left to it: neither waits for the other.
        .with_for_update(key_share=True, skip_locked=True)
    )
    return _skip_all(session, Message.id.in_(once(waiting)), reason=reason)


def defer(message: Message, *, until: datetime | None, keep_due: bool, at: datetime) -> None:
    """Let a pending message wait until an instant, or without one until somebody queues it again.

    With `keep_due` its due time stays: what stopped it is not about the message.
    """
    message.lease_until = None
    message.published_at = None
    message.updated_at = at
    if until is not None or not keep_due:
        message.not_before = until


def put_back(message: Message, *, not_before: datetime, at: datetime) -> None:
    """Return a message to the outbox: it is proven that this attempt sent nothing, or a person decided so."""
    if message.status != MessageStatus.PENDING:
        move(message, MessageStatus.PENDING, at=at)
    message.reason = None
    message.submitted_at = None
    defer(message, until=not_before, keep_due=False, at=at)


def apply_receipt(
    message: Message, receipt: Receipt, *, occurred_at: datetime, error_code: str | None, at: datetime
) -> bool:
    """Move the message by a delivery receipt, whatever came before; answers whether the receipt had a say."""
    status = after_receipt(
        MessageStatus(message.status), receipt, occurred_at=occurred_at, receipt_at=message.receipt_at
    )
    if status is None:
        return False
    if status != message.status:
        _step(message, status)
    message.reason = f"receipt_{receipt}" if status is MessageStatus.FAILED else None
    message.provider_error_code = error_code
    message.receipt_at = occurred_at
    message.lease_until = None
    message.updated_at = at
    return True


def _step(message: Message, status: MessageStatus) -> None:
    check_transition(MessageStatus(message.status), status)
    message.status = status
    metering.count(TRANSITIONS, status)


def _skip_all(session: Session, chosen: ColumnElement[bool], *, reason: str) -> int:
    check_transition(MessageStatus.PENDING, MessageStatus.SKIPPED)
    ended = count_written(
        session,
        update(Message)
        .where(chosen, Message.status == MessageStatus.PENDING)
        .values(
            status=MessageStatus.SKIPPED,
            reason=reason,
            lease_until=None,
            published_at=None,
            fence=Message.fence + 1,
            updated_at=func.product_now(),
        ),
    )
    metering.count(TRANSITIONS, MessageStatus.SKIPPED, by=ended)
    return ended


def _attempt(session: Session, message: Message, **facts: object) -> Attempt:
    message.attempts += 1
    attempt = Attempt(
        message_id=message.id,
        number=message.attempts,
        fence=message.fence,
        traceparent=message.traceparent,
        **facts,
    )
    session.add(attempt)
    return attempt
