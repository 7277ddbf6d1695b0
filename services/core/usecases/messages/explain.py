"""Why a message was sent, wasn't, or waits: every decision, attempt and look, in order, and what is still before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.core.domain.failures import NotFound
from services.core.domain.messages import MessageStatus
from services.core.domain.pacing import expected_slot
from services.core.domain.waiting import Place, waits
from services.core.runtime import tracing
from services.core.storage import attempts, campaigns, clock, messages
from services.core.storage.database import Session
from services.core.storage.models import Campaign, Contact, Message
from services.core.usecases.campaigns.forecast import pacing_of
from services.core.usecases.campaigns.windows import local_day, window_of
from services.core.usecases.context import Context
from services.core.usecases.messages.gate import gather


@dataclass(frozen=True, slots=True)
class Explanation:
    """A message's state and its story; each step has `at`, `what`, `reason` and its own facts."""

    message_id: int
    status: str
    reason: str | None
    campaign: str | None
    not_before: datetime | None
    provider_message_id: str | None
    trace_id: str | None
    trace_kept: bool
    begun_by_trace_id: str | None
    opted_out_in_flight: bool
    steps: list[dict[str, Any]]


def explain_message(context: Context, message_id: int) -> Explanation:
    """Raises `NotFound`."""
    with context.database.reading() as session:
        message = messages.find(session, message_id)
        if message is None:
            raise NotFound("message", message_id)
        campaign = session.get(Campaign, message.campaign_id) if message.campaign_id else None
        steps: list[dict[str, Any]] = [
            {"at": row.at, "what": f"gate {row.outcome}", "reason": f"{row.gate}: {row.reason}", "until": row.until}
            | row.detail
            for row in attempts.decisions_of(session, message_id)
        ]
        for attempt in attempts.of_message(session, message_id):
            steps.append({"at": attempt.started_at, "what": f"attempt {attempt.number}", "reason": "submitting"})
            if attempt.finished_at is not None:
                steps.append(
                    {
                        "at": attempt.finished_at,
                        "what": f"attempt {attempt.number} {attempt.outcome}",
                        "reason": attempt.detail or "",
                        "http_status": attempt.http_status,
                    }
                )
            steps.extend(
                {
                    "at": look.at,
                    "what": f"look {number}",
                    "reason": f"{len(look.candidates)} of {look.listed} listed could be it",
                    "control_seen": look.control_seen,
                }
                for number, look in enumerate(attempts.looks_of(session, attempt.id), start=1)
            )
        if message.status == MessageStatus.PENDING:
            steps.extend(_waits(context, session, message))
        if message.receipt_at is not None:
            steps.append({"at": message.receipt_at, "what": "receipt", "reason": message.status})
        return Explanation(
            message_id=message.id,
            status=message.status,
            reason=message.reason,
            campaign=campaign.name if campaign else None,
            not_before=message.not_before,
            provider_message_id=message.provider_message_id,
            trace_id=tracing.trace_id_of(message.traceparent),
            trace_kept=tracing.is_kept(message.traceparent),
            begun_by_trace_id=tracing.trace_id_of(message.begun_by),
            opted_out_in_flight=message.opted_out_in_flight,
            steps=sorted(steps, key=lambda step: step["at"]),
        )


def _waits(context: Context, session: Session, message: Message) -> Iterator[dict[str, Any]]:
    """What the message waits for now, one step for each."""
    at = clock.product_now(session)
    facts = gather(context, session, message, session.get_one(Contact, message.contact_id), at)
    for wait in waits(facts, _place(context, session, message, at), at):
        yield {"at": at, "what": "waits", "reason": wait.reason, "until": wait.until}


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
