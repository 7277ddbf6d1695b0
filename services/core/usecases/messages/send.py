"""Send leased messages: reserve a slot, pass the gate, commit to submitting, call once, record what came of it.

Two short transactions around one call, and nothing in between is ever repeated: what isn't known is a state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import structlog

from services.core.domain.messages import MessageKind
from services.core.domain.reconciliation import LOOKS
from services.core.domain.send_gate import DATABASE_UNCHECKED, Defer, GateDecision, Pass, Skip, decide
from services.core.openphone.outcomes import Accepted, NotStarted, SendOutcome
from services.core.queue.throttle import Slot, ThrottleUnavailable
from services.core.runtime import failpoints, tracing
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage import caps, clock, contacts, outbox
from services.core.storage.caps import CapReached
from services.core.storage.database import DatabaseUnavailable, Session
from services.core.storage.models import Contact, Message
from services.core.storage.outbox import Claim, life
from services.core.storage.outbox.life import defer, skip
from services.core.usecases.context import Context
from services.core.usecases.messages import gate
from services.core.usecases.messages.record_outcome import record_outcome
from services.core.usecases.operations.vouch import attest, is_vouched, vouch

log = structlog.get_logger()

RELEASE_WITHIN = timedelta(seconds=10)
RELEASE_EVERY = timedelta(milliseconds=250)


@dataclass(frozen=True, slots=True)
class Submission:
    """What is on record as being sent: from here on only an outcome may follow."""

    message_id: int
    attempt_id: int
    fence: int
    sender: str
    recipient: str
    body: str
    committed_at: float


def send_messages(context: Context, message_ids: Sequence[int]) -> int:
    """Send those of the messages that are due, free and allowed; returns how many calls were made.

    Starts no further message once the batch's budget is used; those left go back to dispatch.
    """
    ends_at = monotonic() + context.settings.timings.batch_budget.total_seconds()
    failpoints.reach("send_received")
    if not vouch(context):
        return 0
    waiting = _claim(context, message_ids)
    failpoints.reach("leased")
    try:
        return _send_until(context, waiting, ends_at)
    except DatabaseUnavailable:
        _release_when_back(context, waiting)
        raise


def _send_until(context: Context, waiting: list[Claim], ends_at: float) -> int:
    """Send the claims in order, each taken out of `waiting` once it is dealt with; those left over are given back."""
    sent = 0
    while waiting:
        claim = waiting[0]
        attributes = {Attribute.MESSAGE_ID: claim.message_id, Attribute.FENCE: claim.fence}
        with tracing.joined(SpanName.MESSAGE_SEND, attributes, trace_of=claim.traceparent) as active:
            slot = _take_slot(context, before=ends_at)
            if slot is None:
                active.note({Attribute.OUTCOME: "no_slot"})
                with context.database.transaction() as session:
                    outbox.release(session, waiting)
                break
            submission = _begin(context, claim)
            waiting.pop(0)
            if submission is not None:
                failpoints.reach("submitting")
                _submit(context, submission, slot)
                sent += 1
    return sent


def _release_when_back(context: Context, waiting: Sequence[Claim]) -> None:
    """Give the leases back once the database answers again, so that nobody waits for them to run out."""
    deadline = monotonic() + RELEASE_WITHIN.total_seconds()
    while monotonic() < deadline:
        try:
            with context.database.transaction() as session:
                outbox.release(session, waiting)
        except DatabaseUnavailable:
            sleep(RELEASE_EVERY.total_seconds())
        else:
            return


def _claim(context: Context, message_ids: Sequence[int]) -> list[Claim]:
    """Lease the messages and settle at once those that the gate would stop, so that they cost no slot.

    None while the clocks disagree: the sweep gives the ids back, and nothing leaves at a time nobody is sure of.
    """
    with context.database.transaction() as session:
        skew = clock.skew(session)
        if skew > clock.SKEW_LIMIT:
            log.error("send.clocks_disagree", skew_seconds=round(skew.total_seconds(), 1))
            return []
        claims = outbox.claim(session, message_ids, lease=context.settings.timings.lease)
        failpoints.reach("claimed")
        return [claim for claim in claims if _is_open(context, session, claim)]


def _is_open(context: Context, session: Session, claim: Claim) -> bool:
    message = outbox.lock_leased(session, claim)
    if message is None:
        return False
    contact = session.get_one(Contact, claim.contact_id, populate_existing=True)
    decision = _weigh(context, session, message, contact, clock.product_now(session))
    if isinstance(decision, Pass):
        return True
    with tracing.joined(SpanName.MESSAGE_GATE, _attributes(decision), trace_of=claim.traceparent):
        return False


def _take_slot(context: Context, *, before: float) -> Slot | None:
    """A slot of the provider's rate that is about to open; `None` when none is soon, or the batch's time is up."""
    try:
        with tracing.span(SpanName.MESSAGE_SLOT):
            slot = context.throttle.take("send", within=timedelta(seconds=max(0.0, before - monotonic())), ahead=True)
    except ThrottleUnavailable:
        log.warning("send.limiter_unavailable")
        return None
    failpoints.reach("slot_taken")
    return slot


def _begin(context: Context, claim: Claim) -> Submission | None:
    """Commit to submitting, or settle the message otherwise."""
    while True:
        try:
            return _pass_gate(context, claim)
        except CapReached:
            continue  # others took the last of a cap since the gate looked; it sees that now
        except DatabaseUnavailable:
            # A commit without its answer may have happened. Nothing left us, which is proof that only we have.
            proof = NotStarted("commit_unanswered")
            record_outcome(context, claim.message_id, fence=claim.fence, outcome=proof, at=datetime.now(UTC))
            raise


def _pass_gate(context: Context, claim: Claim) -> Submission | None:
    """Ask the gate under the contact's row lock and commit to submitting in the same transaction."""
    settings = context.settings
    with tracing.span(SpanName.MESSAGE_GATE) as active, context.database.transaction() as session:
        contact = contacts.lock(session, claim.contact_id)
        message = outbox.lock_leased(session, claim)
        if message is None:
            return None
        at = clock.product_now(session)
        decision = _weigh(context, session, message, contact, at)
        active.note(_attributes(decision))
        if not isinstance(decision, Pass):
            return None
        day = gate.cap_day(context, at)
        if message.kind == MessageKind.MARKETING:
            caps.take(session, gate.number_scope(message), day, limit=settings.number_daily_cap)
        caps.take(session, gate.ACCOUNT, day, limit=settings.account_daily_cap)
        attempt = life.begin(session, message, at=at, lease=settings.timings.lease, next_look_at=at + LOOKS[0])
        failpoints.reach("beginning")
        return Submission(
            message_id=message.id,
            attempt_id=attempt.id,
            fence=claim.fence,
            sender=message.sender,
            recipient=message.e164,
            body=message.body or "",
            committed_at=monotonic(),
        )


def _weigh(context: Context, session: Session, message: Message, contact: Contact, at: datetime) -> GateDecision:
    """Ask the gate and act on a no."""
    facts = gate.gather(context, session, message, contact, at)
    is_known = is_vouched(context, session, facts.database) or facts.database_rewound
    decision = decide(facts, at) if is_known else DATABASE_UNCHECKED
    gate.record(session, message.id, decision, facts)
    match decision:
        case Skip(_, reason):
            skip(message, reason=reason, at=at)
        case Defer(reason=reason, until=until):
            defer(message, until=until, keep_due=decision.keeps_due, at=at)
            log.info("message.deferred", message_id=message.id, reason=reason)
    return decision


def _attributes(decision: GateDecision) -> tracing.Attributes:
    match decision:
        case Pass():
            return {Attribute.DECISION: "pass"}
        case Skip(name, reason) | Defer(name, reason):
            outcome = type(decision).__name__.lower()
            return {Attribute.DECISION: outcome, Attribute.GATE: name, Attribute.REASON: reason}


def _submit(context: Context, submission: Submission, slot: Slot) -> SendOutcome:
    ends_at = submission.committed_at + context.settings.timings.start_guard.total_seconds()
    lost = False

    def may_start() -> bool:
        nonlocal lost
        failpoints.reach("connected")
        lost = monotonic() <= ends_at and not _holds_slot(context, slot, ends_at=ends_at)
        return not lost and monotonic() <= ends_at

    outcome: SendOutcome = NotStarted("database_replaced")
    if attest(context, submission.attempt_id):
        outcome = context.provider.send_text(
            sender=submission.sender, recipient=submission.recipient, content=submission.body, start_guard=may_start
        )
    if lost and isinstance(outcome, NotStarted):
        outcome = NotStarted("slot_lost")  # that is about the rate: it says nothing of the text
    failpoints.reach("answered")
    record_outcome(context, submission.message_id, fence=submission.fence, outcome=outcome, at=datetime.now(UTC))
    _tell(outcome)
    log.info("message.submitted", message_id=submission.message_id, outcome=type(outcome).__name__)
    return outcome


def _holds_slot(context: Context, slot: Slot, *, ends_at: float) -> bool:
    """Be on a slot in the last instant, when nothing more can come between it and the request.

    One that was lost on the way, since this process was stopped or the commit slow, is replaced by the next.
    """
    if context.throttle.use(slot):
        return True
    try:
        return context.throttle.take("send", within=timedelta(seconds=max(0.0, ends_at - monotonic()))) is not None
    except ThrottleUnavailable:
        log.warning("send.limiter_unavailable")
        return False


def _tell(outcome: SendOutcome) -> None:
    """Say on the message's span how its submission ended."""
    active = tracing.current()
    active.note({Attribute.OUTCOME: type(outcome).__name__.lower()})
    if not isinstance(outcome, Accepted):
        active.fail(outcome.reason)
