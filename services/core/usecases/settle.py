"""End or postpone a locked message: the small writes that several use cases share."""

from datetime import datetime

from services.core.domain.messages import MessageStatus, Receipt, after_receipt, check_transition
from services.core.runtime import metering
from services.core.runtime.telemetry import TRANSITIONS
from services.core.storage.models import Message


def move(message: Message, status: MessageStatus, *, at: datetime, reason: str | None = None) -> None:
    """Take a step of the transition table; ends any lease. Raises `TransitionRefused`."""
    check_transition(MessageStatus(message.status), status)
    message.status = status
    message.reason = reason
    message.lease_until = None
    message.updated_at = at
    metering.count(TRANSITIONS, status)


def skip(message: Message, *, reason: str, at: datetime) -> None:
    """End a message that will never be sent."""
    move(message, MessageStatus.SKIPPED, reason=reason, at=at)


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
    """Return a message to the outbox: it is proven that this attempt sent nothing."""
    if message.status != MessageStatus.PENDING:
        check_transition(MessageStatus(message.status), MessageStatus.PENDING)
    message.status = MessageStatus.PENDING
    message.reason = None
    message.lease_until = None
    message.published_at = None
    message.not_before = not_before
    message.submitted_at = None
    message.updated_at = at


def apply_receipt(
    message: Message, receipt: Receipt, *, occurred_at: datetime, error_code: str | None, at: datetime
) -> bool:
    """Move the message by a delivery receipt, whatever came before; answers whether the receipt had a say."""
    status = after_receipt(
        MessageStatus(message.status), receipt, occurred_at=occurred_at, receipt_at=message.receipt_at
    )
    if status is None:
        return False
    message.status = status
    message.reason = f"receipt_{receipt}" if status is MessageStatus.FAILED else None
    message.provider_error_code = error_code
    message.receipt_at = occurred_at
    message.lease_until = None
    message.updated_at = at
    metering.count(TRANSITIONS, status)
    return True
