"""What is forgotten with time: bodies soon, identifiers late, the proof of an opt-out last."""

from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from services.core.domain.inbox import InboxStatus
from services.core.storage.bulk import count_written
from services.core.storage.models import Effect, GateDecisionRow, HealthReport, IdempotencyKey, InboxEvent, TaskRun

OPEN = (InboxStatus.NEW, InboxStatus.PARKED)


def erase_bodies(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Drop the raw bytes and headers of events that were dealt with; their ids stay, so that repeats are still seen."""
    old = (
        select(InboxEvent.id)
        .where(
            InboxEvent.received_at < func.product_now() - older_than,
            InboxEvent.raw.is_not(None),
            InboxEvent.status.not_in(OPEN),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)  # one row that somebody holds must not stop the night
    )
    return count_written(session, update(InboxEvent).where(InboxEvent.id.in_(old)).values(raw=None, headers={}))


def drop_effects(session: Session, *, older_than: timedelta, limit: int) -> int:
    old = select(Effect.effect_key).where(Effect.at < func.product_now() - older_than).limit(limit)
    return count_written(session, delete(Effect).where(Effect.effect_key.in_(old)))


def drop_task_runs(session: Session, *, older_than: timedelta, limit: int) -> int:
    old = select(TaskRun.id).where(TaskRun.started_at < func.product_now() - older_than).limit(limit)
    return count_written(session, delete(TaskRun).where(TaskRun.id.in_(old)))


def drop_decisions(session: Session, *, older_than: timedelta, limit: int) -> int:
    old = select(GateDecisionRow.id).where(GateDecisionRow.at < func.product_now() - older_than).limit(limit)
    return count_written(session, delete(GateDecisionRow).where(GateDecisionRow.id.in_(old)))


def drop_health_reports(session: Session, *, older_than: timedelta, limit: int) -> int:
    old = select(HealthReport.id).where(HealthReport.at < func.product_now() - older_than).limit(limit)
    return count_written(session, delete(HealthReport).where(HealthReport.id.in_(old)))


def drop_idempotency_keys(session: Session, *, older_than: timedelta, limit: int) -> int:
    old = select(IdempotencyKey.id).where(IdempotencyKey.created_at < func.product_now() - older_than).limit(limit)
    return count_written(session, delete(IdempotencyKey).where(IdempotencyKey.id.in_(old)))
