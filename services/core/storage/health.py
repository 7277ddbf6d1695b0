"""Health reports, kept so that a morning's question about the night has an answer."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.core.domain.schedule import RunStatus
from services.core.storage.models import BeatLease, HealthReport, ScheduledRun


def store(session: Session, *, healthy: bool, parts: list[dict[str, Any]]) -> None:
    session.add(HealthReport(healthy=healthy, parts=parts))


def latest(session: Session) -> HealthReport | None:
    return session.scalar(select(HealthReport).order_by(HealthReport.id.desc()).limit(1))


def beat_silent_for(session: Session) -> timedelta | None:
    """How long ago the clock last ticked, in real time; `None` when it never did."""
    return session.scalar(select(func.clock_timestamp() - BeatLease.ticked_at))


def oldest_due_run_at(session: Session) -> datetime | None:
    """Since when the longest due scheduled run waits for a worker."""
    return session.scalar(select(func.min(ScheduledRun.due_at)).where(ScheduledRun.status == RunStatus.DUE))
