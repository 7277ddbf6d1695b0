"""Write down how a submission ended, under its fence. What was not proven to have failed becomes uncertain."""

import random
from datetime import datetime, timedelta
from time import monotonic, sleep

import structlog

from services.core.domain.messages import PROVEN_NON_DELIVERIES, MessageKind, MessageReason, MessageStatus
from services.core.domain.opt_outs import OptOutSource
from services.core.domain.retry import RetryAt, decide_retry
from services.core.domain.send_gate import Reason
from services.core.openphone.instruments import REFUSALS, SUBMISSIONS
from services.core.openphone.outcomes import (
    Accepted,
    NotStarted,
    RefusalReason,
    RefusalScope,
    Refused,
    SendOutcome,
    Unknown,
)
from services.core.queue.throttle import ThrottleUnavailable
from services.core.runtime import failpoints, metering, tracing
from services.core.runtime.telemetry import SpanName
from services.core.storage import attempts, caps, clock, contacts, inbox, installation, opt_outs, outbox
from services.core.storage.database import DatabaseUnavailable, Session
from services.core.storage.models import Attempt, Contact, Message
from services.core.storage.outbox import life
from services.core.storage.outbox.life import move, put_back
from services.core.usecases.context import Context
from services.core.usecases.messages import gate

log = structlog.get_logger()

RECORD_WITHIN = timedelta(seconds=10)
RECORD_EVERY = timedelta(milliseconds=250)
THROTTLED_FOR = timedelta(seconds=2)
BREAKER_OPEN_FOR = timedelta(minutes=5)
NEVER_GIVES_UP = 1_000_000


def record_outcome(context: Context, message_id: int, *, fence: int, outcome: SendOutcome, at: datetime) -> None:
    """Record the outcome, again and again for ten seconds while the database is away; `at` is real time.

    Later the sweep finds the message without an outcome and has it looked up, so that nothing is sent twice.
    """
    if isinstance(outcome, Refused) and outcome.scope is RefusalScope.THROTTLED:
        _slow_everybody_down(context, until=at + (outcome.retry_after or THROTTLED_FOR))
    deadline = monotonic() + RECORD_WITHIN.total_seconds()
    while True:
        try:
            with tracing.span(SpanName.MESSAGE_RECORD), context.database.transaction() as session:
                _record(context, session, message_id, fence=fence, outcome=outcome)
                failpoints.reach("recording")
            failpoints.reach("recorded")
        except DatabaseUnavailable:
            if monotonic() > deadline:
                log.error("message.outcome_unrecorded", message_id=message_id, outcome=type(outcome).__name__)
                return
            sleep(RECORD_EVERY.total_seconds())
        else:
            return


def _record(context: Context, session: Session, message_id: int, *, fence: int, outcome: SendOutcome) -> None:
    contact_id = session.get_one(Message, message_id).contact_id
    contact = contacts.lock(session, contact_id or 0)
    message = outbox.lock_for_outcome(session, message_id, fence=fence)
    attempt = attempts.under_fence(session, message_id, fence=fence)
    if attempt is None:
        return
    at = clock.product_now(session)
    attempt.finished_at = at
    attempt.outcome = type(outcome).__name__.lower()
    metering.count(SUBMISSIONS, attempt.outcome)
    if message is None:
        log.warning("message.outcome_late", message_id=message_id, outcome=attempt.outcome)
        return
    match outcome:
        case Accepted():
            _accept(session, message, attempt, outcome, at=at)
        case Refused():
            metering.count(REFUSALS, outcome.reason)
            attempt.http_status, attempt.detail, attempt.provider_trace = (
                outcome.http_status,
                f"{outcome.reason} {outcome.code or ''}".strip(),
                outcome.trace,
            )
            attempt.next_look_at = None
            _give_back(context, session, message, attempt)
            _refuse(context, session, message, contact, outcome, at=at)
        case NotStarted(reason):
            attempt.detail = reason
            attempt.next_look_at = None
            _give_back(context, session, message, attempt)
            _try_again(message, counts=reason == "guard", at=at)
        case Unknown(reason):
            attempt.detail = reason
            if message.status == MessageStatus.SENDING:
                move(message, MessageStatus.UNCERTAIN, reason=reason, at=at)


def _accept(session: Session, message: Message, attempt: Attempt, outcome: Accepted, *, at: datetime) -> None:
    """Bind the provider's id. One that is bound already can't be this text's: that is uncertain, and an incident."""
    if attempts.bound_ids(session, [outcome.provider_message_id]):
        attempt.outcome, attempt.detail = "unknown", MessageReason.PROVIDER_ID_ALREADY_BOUND
        log.error("provider.id_repeated", message_id=message.id)
        if message.status == MessageStatus.SENDING:
            move(message, MessageStatus.UNCERTAIN, reason=MessageReason.PROVIDER_ID_ALREADY_BOUND, at=at)
        return
    bind(session, message, attempt, outcome.provider_message_id, outcome.conversation_id, at=at)


def bind(
    session: Session,
    message: Message,
    attempt: Attempt,
    provider_message_id: str,
    conversation_id: str | None,
    *,
    at: datetime,
) -> None:
    """The provider has the text under this id; events that waited for it are handled now."""
    life.bind(message, attempt, provider_message_id, conversation_id, at=at)
    inbox.wake_parked(session, provider_message_id)


def _refuse(
    context: Context, session: Session, message: Message, contact: Contact, refusal: Refused, *, at: datetime
) -> None:
    match refusal.scope:
        case RefusalScope.MESSAGE | RefusalScope.RECIPIENT:
            move(message, MessageStatus.FAILED, reason=refusal.reason, at=at)
            session.flush()
            if refusal.reason is RefusalReason.OPTED_OUT:
                opt_outs.record(session, contact, source=OptOutSource.PROVIDER, rule="provider_refused", said_at=at)
                life.skip_waiting_for(session, [contact.id], reason=Reason.OPTED_OUT)
            elif refusal.reason is RefusalReason.INVALID_RECIPIENT:
                contact.suppressed_reason = MessageReason.PROVIDER_REFUSED_NUMBER
        case RefusalScope.ACCOUNT:
            until = at + BREAKER_OPEN_FOR
            if refusal.reason is RefusalReason.DAILY_CAP_REACHED:
                until = gate.cap_resets_at(context, at)
            installation.open_breaker(session, until=until, reason=refusal.reason)
            put_back(message, not_before=until, at=at)
            log.error("provider.account_refused", reason=refusal.reason)
        case RefusalScope.THROTTLED:
            put_back(message, not_before=at + (refusal.retry_after or THROTTLED_FOR), at=at)


def _try_again(message: Message, *, counts: bool, at: datetime) -> None:
    """Nothing was sent, which is proven: try later, unless that was so three times for a reason of our own."""
    message.proven_failures += counts
    if message.proven_failures >= PROVEN_NON_DELIVERIES:
        move(message, MessageStatus.FAILED, reason=MessageReason.NEVER_STARTED, at=at)
        return
    retry = decide_retry(
        attempt=min(message.attempts, 12),
        at=at,
        base=timedelta(seconds=2),
        max_attempts=NEVER_GIVES_UP,
        jitter=random.random(),  # noqa: S311
    )
    put_back(message, not_before=retry.at if isinstance(retry, RetryAt) else at, at=at)


def _give_back(context: Context, session: Session, message: Message, attempt: Attempt) -> None:
    """Uncount a text that surely was not sent."""
    day = gate.cap_day(context, attempt.started_at)
    if message.kind == MessageKind.MARKETING:
        caps.give_back(session, gate.number_scope(message), day)
    caps.give_back(session, gate.ACCOUNT, day)
    message.submitted_at = None


def _slow_everybody_down(context: Context, *, until: datetime) -> None:
    try:
        context.throttle.backoff(until)
    except ThrottleUnavailable:
        log.warning("send.limiter_unavailable")
