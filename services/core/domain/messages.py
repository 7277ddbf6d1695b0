"""The life of an outgoing message: its states, the written transition table, and how receipts converge.

Sources: states of the contract, transitions T1-T15 of the reliability design. A text may have reached a person from
`SENDING` on; before it, nothing has left.
"""

from datetime import datetime
from enum import StrEnum


class MessageStatus(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    UNCERTAIN = "uncertain"
    HELD = "held"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    SKIPPED = "skipped"
    RECEIVED = "received"


class Direction(StrEnum):
    OUTGOING = "outgoing"
    INCOMING = "incoming"


class MessageKind(StrEnum):
    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


class Receipt(StrEnum):
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


class MessageReason(StrEnum):
    """Why a message is where it is, beside the reasons of the gate and those of the provider."""

    NEVER_STARTED = "never_started"
    WORKER_LOST = "worker_lost"
    PROVIDER_ID_ALREADY_BOUND = "provider_id_already_bound"
    PROVIDER_REFUSED_NUMBER = "provider_refused_number"
    CONTACT_ERASED = "contact_erased"
    CANCELLED_BY_OPERATOR = "cancelled_by_operator"


class TransitionRefused(Exception):
    """The message's state does not allow this step."""

    def __init__(self, before: MessageStatus, after: MessageStatus) -> None:
        super().__init__(f"a {before} message cannot become {after}")
        self.before = before
        self.after = after


S = MessageStatus

TRANSITIONS: dict[MessageStatus, frozenset[MessageStatus]] = {
    S.PENDING: frozenset({S.SENDING, S.SKIPPED, S.FAILED}),
    S.SENDING: frozenset({S.PENDING, S.UNCERTAIN, S.SENT, S.DELIVERED, S.UNDELIVERED, S.FAILED, S.SKIPPED}),
    S.UNCERTAIN: frozenset({S.PENDING, S.HELD, S.SENT, S.DELIVERED, S.UNDELIVERED, S.FAILED}),
    S.HELD: frozenset({S.PENDING, S.SENT, S.DELIVERED, S.UNDELIVERED, S.FAILED, S.SKIPPED}),
    S.SENT: frozenset({S.DELIVERED, S.UNDELIVERED, S.FAILED}),
    S.UNDELIVERED: frozenset({S.DELIVERED, S.FAILED}),
    S.FAILED: frozenset({S.DELIVERED, S.UNDELIVERED}),
    S.DELIVERED: frozenset(),
    S.SKIPPED: frozenset(),
    S.RECEIVED: frozenset(),
}

FINAL = frozenset({S.DELIVERED, S.UNDELIVERED, S.FAILED, S.SKIPPED})
IN_FLIGHT = frozenset({S.SENDING, S.UNCERTAIN})
MAY_HAVE_LEFT = frozenset({S.SENDING, S.UNCERTAIN, S.HELD, S.SENT, S.DELIVERED, S.UNDELIVERED, S.FAILED})

PROVEN_NON_DELIVERIES = 3
"""A message whose sending was proven not to have happened this often ends as failed."""

_RANK = {
    S.PENDING: 0,
    S.SENDING: 0,
    S.UNCERTAIN: 0,
    S.HELD: 0,
    S.SENT: 1,
    S.FAILED: 2,
    S.UNDELIVERED: 2,
    S.DELIVERED: 3,
}


def check_transition(before: MessageStatus, after: MessageStatus) -> None:
    """Raise `TransitionRefused` unless the table has the step."""
    if after not in TRANSITIONS[before]:
        raise TransitionRefused(before, after)


def after_receipt(
    status: MessageStatus, receipt: Receipt, *, occurred_at: datetime, receipt_at: datetime | None
) -> MessageStatus | None:
    """The state after a delivery receipt, which may be late, double or contradictory; `None` when it has no say.

    The rank only rises; failed and undelivered share one rank, where the receipt that happened later than the last one
    with a say (`receipt_at`) wins, and of two at one time undelivered. Receipts never change a skipped or received
    message.
    """
    proposed = MessageStatus(receipt)
    if status not in _RANK or _RANK[proposed] < _RANK[status]:
        return None
    is_contest = _RANK[proposed] == _RANK[status] and receipt_at is not None
    return None if is_contest and (occurred_at, proposed) <= (receipt_at, status) else proposed
