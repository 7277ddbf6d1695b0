"""Why a message was sent, wasn't, or waits: every decision, attempt and look, in order, and what is still before it."""

from collections.abc import Iterator
from datetime import datetime

from services.core.domain.failures import NotFound
from services.core.domain.messages import MessageStatus
from services.core.domain.pacing import expected_slot
from services.core.domain.waiting import Place, waits
from services.core.runtime import tracing
from services.core.storage import attempts, campaigns, clock, messages
from services.core.storage.database import Session
from services.core.storage.models import Campaign, Contact, GateDecisionRow, Message
from services.core.usecases.campaigns.forecast import pacing_of
from services.core.usecases.campaigns.windows import local_day, window_of
from services.core.usecases.context import Context
from services.core.usecases.messages.gate import gather
from services.core.views import messages as views


def explain_message(context: Context, message_id: int) -> views.Explanation:
    """Raises `NotFound`."""
    with context.database.reading() as session:
        message = messages.find(session, message_id)
        if message is None:
            raise NotFound("message", message_id)
        campaign = session.get(Campaign, message.campaign_id) if message.campaign_id else None
        return views.Explanation.of(
            message,
            campaign=campaign.name if campaign else None,
            trace_id=tracing.trace_id_of(message.traceparent),
            trace_kept=tracing.is_kept(message.traceparent),
            begun_by_trace_id=tracing.trace_id_of(message.begun_by),
            steps=sorted(_steps(context, session, message), key=lambda step: step.at),
        )


def _steps(context: Context, session: Session, message: Message) -> Iterator[views.Step]:
    yield from map(_decision, attempts.decisions_of(session, message.id))
    yield from _attempts(session, message.id)
    if message.status == MessageStatus.PENDING:
        yield from _waits(context, session, message)
    if message.receipt_at is not None:
        yield views.ReceiptStep(at=message.receipt_at, what="receipt", reason=message.status)


def _decision(row: GateDecisionRow) -> views.DecisionStep | views.GateStep:
    known = {"what": f"gate {row.outcome}", "reason": f"{row.gate}: {row.reason}"}
    if row.detail:
        return views.GateStep.of(row, **known, **row.detail)
    return views.DecisionStep.of(row, **known)


def _attempts(session: Session, message_id: int) -> Iterator[views.Step]:
    """Each attempt's begin, its end, and the looks at the provider's list for it."""
    for attempt in attempts.of_message(session, message_id):
        name = f"attempt {attempt.number}"
        yield views.BegunStep(at=attempt.started_at, what=name, reason="submitting")
        if attempt.finished_at is not None:
            yield views.EndedStep(
                at=attempt.finished_at,
                what=f"{name} {attempt.outcome}",
                reason=attempt.detail or "",
                http_status=attempt.http_status,
            )
        for number, look in enumerate(attempts.looks_of(session, attempt.id), start=1):
            could_be_it = f"{len(look.candidates)} of {look.listed} listed could be it"
            yield views.LookStep.of(look, what=f"look {number}", reason=could_be_it)


def _waits(context: Context, session: Session, message: Message) -> Iterator[views.WaitStep]:
    """What the message waits for now, one step for each."""
    at = clock.product_now(session)
    facts = gather(context, session, message, session.get_one(Contact, message.contact_id), at)
    for wait in waits(facts, _place(context, session, message, at), at):
        yield views.WaitStep.of(wait, at=at, what="waits")


def _place(context: Context, session: Session, message: Message, at: datetime) -> Place:
    with_workers = message.published_at is not None or message.lease_until is not None
    if message.not_before is not None or message.campaign_id is None:
        return Place(not_before=message.not_before, ahead=0, expected_at=None, with_workers=with_workers)
    campaign = session.get_one(Campaign, message.campaign_id)
    window = window_of(campaign.window, context.window)
    ahead = campaigns.unqueued(session, campaign.id, before=message.id)
    opens, closes = local_day(at, window.zone)
    expected_at = expected_slot(
        ahead=ahead,
        pacing=pacing_of(campaign),
        window=window,
        at=at,
        today_is_laid_out=campaigns.queued_between(session, campaign.id, opens=opens, closes=closes) > 0,
    )
    return Place(not_before=None, ahead=ahead, expected_at=expected_at, with_workers=with_workers)
