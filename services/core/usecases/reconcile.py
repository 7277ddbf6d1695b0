"""Settle a text of unknown outcome by the provider's own list: bound to what is there, looked for again, or held."""

import random
from datetime import timedelta

import structlog

from services.core.domain.messages import MessageStatus
from services.core.domain.reconciliation import (
    EMPTY_LOOKS,
    LISTED_BEFORE,
    Attempt,
    Bind,
    Hold,
    ListedMessage,
    LookAgain,
    candidates,
    decide_look,
)
from services.core.openphone.errors import ProviderError
from services.core.runtime import failpoints, tracing
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage import attempts, clock, contacts, outbox
from services.core.storage.database import Session
from services.core.storage.models import Attempt as AttemptRow
from services.core.storage.models import Message
from services.core.usecases.context import Context
from services.core.usecases.record_outcome import bind
from services.core.usecases.settle import apply_receipt, move

log = structlog.get_logger()

CONTROL_WITHIN = timedelta(minutes=30)
JITTER = timedelta(seconds=5)


def reconcile_message(context: Context, message_id: int) -> None:
    """Look once for the message's open attempt and write down what that means."""
    with context.database.reading() as session:
        message = session.get(Message, message_id)
        if message is None or message.status != MessageStatus.UNCERTAIN:
            return
        row = attempts.latest(session, message_id)
        looks = attempts.looks_of(session, row.id)
        attempt = Attempt(message.sender, message.e164, message.body or "", row.started_at)
        wide = len(looks) + 1 >= EMPTY_LOOKS
        phone_number_id, traceparent = message.sender_phone_number_id, message.traceparent
    attributes = {Attribute.MESSAGE_ID: message_id}
    with tracing.joined(SpanName.MESSAGE_RECONCILE, attributes, trace_of=traceparent):
        listed = _list(context, attempt, phone_number_id=phone_number_id, wide=wide)
        with context.database.transaction() as session:
            contacts.lock(session, message.contact_id or 0)
            locked = outbox.lock(session, message_id)
            if locked is not None and locked.status == MessageStatus.UNCERTAIN and locked.attempts == row.number:
                _judge(session, locked, row.id, attempt, listed)
            failpoints.reach("reconciling")
        failpoints.reach("reconciled")


def _list(context: Context, attempt: Attempt, *, phone_number_id: str, wide: bool) -> tuple[ListedMessage, ...] | None:
    """What the provider lists for the attempt; `wide` asks for every recipient, to see the control messages too."""
    try:
        return context.provider.find_sent(
            phone_number_id=phone_number_id,
            recipient=None if wide else attempt.recipient,
            created_after=attempt.started_at - LISTED_BEFORE,
        )
    except ProviderError as error:
        log.warning("reconcile.list_unreadable", reason=type(error).__name__)
        return None


def _judge(
    session: Session, message: Message, attempt_id: int, attempt: Attempt, listed: tuple[ListedMessage, ...] | None
) -> None:
    at = clock.product_now(session)
    row = session.get_one(AttemptRow, attempt_id, with_for_update=True)
    bound = attempts.bound_ids(session, [entry.message_id for entry in listed or ()])
    found = candidates(attempt, listed or (), bound)
    control = attempts.control_messages(
        session, sender=attempt.sender, around=attempt.started_at, within=CONTROL_WITHIN
    )
    control_seen = bool(control & {entry.message_id for entry in listed or ()})
    looks = attempts.looks_of(session, attempt_id)
    verdict = decide_look(
        attempt,
        listed=listed,
        bound_ids=bound,
        empty_looks=[look.at for look in looks if not look.candidates],
        control_visible=control_seen,
        at=at,
        jitter=JITTER * random.random(),  # noqa: S311
    )
    if listed is not None:
        attempts.record_look(
            session,
            attempt_id,
            at=at,
            listed=len(listed),
            candidates=[entry.message_id for entry in found],
            control_seen=control_seen,
        )
    tracing.current().note({Attribute.OUTCOME: type(verdict).__name__.lower()})
    match verdict:
        case Bind(provider_message_id, duplicate):
            entry = next(entry for entry in found if entry.message_id == provider_message_id)
            bind(session, message, row, provider_message_id, entry.conversation_id, at=at)
            if entry.receipt is not None:
                apply_receipt(message, entry.receipt, occurred_at=at, error_code=entry.error_code, at=at)
            if duplicate:
                log.error("provider.shows_duplicate", message_id=message.id, seen=len(found))
        case LookAgain(next_at):
            row.next_look_at, row.look_published_at = next_at, None
        case Hold(reason):
            row.next_look_at = None
            move(message, MessageStatus.HELD, reason=reason, at=at)
            log.warning("message.held", message_id=message.id, reason=reason)
