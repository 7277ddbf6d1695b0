"""Why a message was sent, wasn't, or waits: every decision, attempt and look, in order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.core.domain.failures import NotFound
from services.core.runtime import tracing
from services.core.storage import attempts, messages
from services.core.storage.models import Campaign
from services.core.usecases.context import Context


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
