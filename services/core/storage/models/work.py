"""Background work: its history, what gave up, and the jobs whose completion is followed up."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from services.core.storage.models.metadata import Base, Id, ProductStamp


class TaskRun(Base):
    """One task by its queue id: deliveries are counted before the work, so that a crash counts too."""

    __tablename__ = "task_runs"
    __table_args__ = (Index("ix_task_runs_name", "name", "id"),)

    id: Mapped[Id]
    task_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    args: Mapped[list[Any]]
    deliveries: Mapped[int] = mapped_column(SmallInteger)
    started_at: Mapped[ProductStamp]
    finished_at: Mapped[datetime | None]
    seconds: Mapped[float | None]
    outcome: Mapped[str | None]
    error: Mapped[str | None]
    traceparent: Mapped[str | None]


class DeadLetter(Base):
    """Work that gave up: everything needed to see why, and to replay or discard it."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        Index(
            "ix_dead_letters_open",
            "id",
            postgresql_where=text("replayed_at IS NULL AND discarded_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    task_id: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str]
    args: Mapped[list[Any]]
    reason: Mapped[str]
    error: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer)
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox.id"), index=True)
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    created_at: Mapped[ProductStamp]
    replayed_at: Mapped[datetime | None]
    replayed_by: Mapped[str | None]
    discarded_at: Mapped[datetime | None]
    discarded_by: Mapped[str | None]
    note: Mapped[str | None]
    traceparent: Mapped[str | None]


class Job(Base):
    """A job at a customer's house, pushed to us; complete when its calendar end has passed and it is paid."""

    __tablename__ = "jobs"

    id: Mapped[Id]
    external_id: Mapped[str] = mapped_column(unique=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    job_type: Mapped[str]
    calendar_end: Mapped[datetime | None]
    invoice_paid_at: Mapped[datetime | None]
    review_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    follow_up_message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    reminder_message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    created_at: Mapped[ProductStamp]
    updated_at: Mapped[ProductStamp]
