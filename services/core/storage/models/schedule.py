"""Scheduled work: one row per due run, who holds the clock, and what the health check found."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.core.domain.schedule import RunStatus
from services.core.storage.models.metadata import Base, Id, ProductStamp, one_of


class ScheduledRun(Base):
    """One due run of one job: the row is there before the work, whatever happens to the work."""

    __tablename__ = "scheduled_runs"
    __table_args__ = (
        one_of("status", RunStatus),
        UniqueConstraint("job", "due_at"),
        Index("ix_scheduled_runs_open", "id", postgresql_where=text("status IN ('due', 'running')")),
    )

    id: Mapped[Id]
    job: Mapped[str]
    due_at: Mapped[datetime]
    status: Mapped[str]
    reason: Mapped[str | None]
    term: Mapped[int]
    created_at: Mapped[ProductStamp]
    published_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    requested_by: Mapped[str | None]
    traceparent: Mapped[str | None]


class ScheduleControl(Base):
    __tablename__ = "schedule_controls"

    job: Mapped[str] = mapped_column(primary_key=True)
    paused_at: Mapped[datetime | None]
    paused_by: Mapped[str | None]
    planned_until: Mapped[datetime | None]


class BeatLease(Base):
    """Who holds the clock. A new holder raises the term, and writes of an older term are refused."""

    __tablename__ = "beat_lease"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    holder: Mapped[str]
    term: Mapped[int]
    expires_at: Mapped[datetime]
    ticked_at: Mapped[datetime]


class HealthReport(Base):
    __tablename__ = "health_reports"

    id: Mapped[Id]
    at: Mapped[ProductStamp]
    healthy: Mapped[bool]
    parts: Mapped[list[Any]]
