"""When canaries were sent, and which came back: read from the schedule's runs, the task history and the inbox."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from services.core.domain.schedule import RunStatus
from services.core.storage import clock
from services.core.storage.clock import PRODUCT_NOW
from services.core.storage.models import InboxEvent, ScheduledRun, TaskRun


@dataclass(frozen=True, slots=True)
class Sent:
    """A run that sent canaries; `loop` is what became of the webhook's sending, empty when none was to be sent."""

    run_id: int
    at: datetime
    loop: str


def last_sent(session: Session, job: str, *, before: timedelta) -> Sent | None:
    """The latest run that sent canaries and is that long over."""
    row = session.scalar(
        select(ScheduledRun)
        .where(
            ScheduledRun.job == job,
            ScheduledRun.status == RunStatus.SUCCEEDED,
            ScheduledRun.finished_at <= PRODUCT_NOW - before,
        )
        .order_by(ScheduledRun.id.desc())
        .limit(1)
    )
    if row is None or row.started_at is None:
        return None
    return Sent(row.id, row.started_at, str((row.result or {}).get("loop", "")))


def certificate_left(session: Session, job: str) -> timedelta | None:
    """For how long the public address's certificate still holds, as the last canary's connection showed it."""
    run = session.scalar(
        select(ScheduledRun)
        .where(ScheduledRun.job == job, ScheduledRun.status == RunStatus.SUCCEEDED)
        .order_by(ScheduledRun.id.desc())
        .limit(1)
    )
    until = (run.result or {}).get("certificate_until") if run else None
    if not until:
        return None
    return datetime.fromisoformat(until) - clock.real_now(session)


def is_planned(session: Session, job: str, *, within: timedelta) -> bool:
    """Whether a run was due lately, and is not skipped: it is done, or it will be."""
    lately = exists().where(
        ScheduledRun.job == job,
        ScheduledRun.status != RunStatus.SKIPPED,
        ScheduledRun.due_at >= PRODUCT_NOW - within,
    )
    return bool(session.scalar(select(lately)))


def returned_at(session: Session, name: str) -> datetime | None:
    """When a task of this name last ended well."""
    return session.scalar(
        select(TaskRun.finished_at)
        .where(TaskRun.name == name, TaskRun.outcome == "succeeded")
        .order_by(TaskRun.id.desc())
        .limit(1)
    )


def delivery_status(session: Session, dedupe_key: str) -> str | None:
    """What became of a delivery in the inbox; `None` when it is not there."""
    return session.scalar(select(InboxEvent.status).where(InboxEvent.dedupe_key == dedupe_key).limit(1))
