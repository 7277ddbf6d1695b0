"""The schedule's rows: what is planned until when, and one run for each due time.

Due times, starts and ends are product time; leases and publishing go by the database's own clock.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from services.core.domain.schedule import PlannedRun, RunReason, RunStatus
from services.core.storage.beat_lease import release_locks_when_frozen
from services.core.storage.models import ScheduleControl, ScheduledRun

NOW = func.clock_timestamp()
PERSONS_TERM = 0  # of rows that a person's act brought about, and no leader


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that is ours to do: `attempt` is its fence."""

    run_id: int
    job: str
    due_at: datetime
    attempt: int


def lock_controls(session: Session, jobs: Collection[str]) -> dict[str, ScheduleControl]:
    """The jobs' controls, made if missing and locked until the transaction ends."""
    release_locks_when_frozen(session)
    session.execute(insert(ScheduleControl).values([{"job": job} for job in sorted(jobs)]).on_conflict_do_nothing())
    query = select(ScheduleControl).where(ScheduleControl.job.in_(jobs)).order_by(ScheduleControl.job)
    rows = session.scalars(query.with_for_update().execution_options(populate_existing=True))
    return {row.job: row for row in rows}


def controls(session: Session) -> dict[str, ScheduleControl]:
    return {row.job: row for row in session.scalars(select(ScheduleControl))}


def add_runs(session: Session, job: str, planned: Sequence[PlannedRun], *, term: int) -> None:
    """Record the runs; those already there stay as they are."""
    rows = [
        {"job": job, "due_at": run.due_at, "status": run.status, "reason": run.reason, "term": term} for run in planned
    ]
    if rows:
        session.execute(insert(ScheduledRun).on_conflict_do_nothing(), rows)


def add_requested_run(session: Session, job: str, *, by: str, traceparent: str | None) -> ScheduledRun:
    """Record a run that a person asks for, due at the current product time."""
    run = ScheduledRun(
        job=job,
        due_at=func.product_now(),
        status=RunStatus.DUE,
        term=PERSONS_TERM,
        requested_by=by,
        traceparent=traceparent,
    )
    session.add(run)
    session.flush()  # the database gives the id and the due time
    session.refresh(run)
    return run


def to_publish(session: Session, *, again_after: timedelta, limit: int = 500) -> Sequence[ScheduledRun]:
    """Open runs that nobody works on: those never published, then those published long ago."""
    is_due = ScheduledRun.status == RunStatus.DUE
    is_abandoned = and_(ScheduledRun.status == RunStatus.RUNNING, ScheduledRun.lease_until < NOW)
    is_overdue = ScheduledRun.published_at < NOW - again_after
    query = select(ScheduledRun).where(
        or_(and_(is_due, ScheduledRun.published_at.is_(None)), and_(or_(is_due, is_abandoned), is_overdue))
    )
    return session.scalars(
        query.order_by(ScheduledRun.published_at.is_not(None), ScheduledRun.due_at).limit(limit)
    ).all()


def stamp_published(session: Session, traces: Mapping[int, str | None]) -> None:
    """Say that these runs went to the broker, under which traceparent; a run keeps the first."""
    for run_id, traceparent in traces.items():
        kept = func.coalesce(ScheduledRun.traceparent, traceparent)
        session.execute(
            update(ScheduledRun).where(ScheduledRun.id == run_id).values(published_at=NOW, traceparent=kept)
        )


def lock_free_run(session: Session, run_id: int) -> ScheduledRun | None:
    """The run and its job's control, locked until the transaction ends; `None` when it is done or in other hands."""
    job = session.scalar(select(ScheduledRun.job).where(ScheduledRun.id == run_id))
    if job is None:
        return None
    lock_controls(session, [job])
    is_abandoned = and_(ScheduledRun.status == RunStatus.RUNNING, ScheduledRun.lease_until < NOW)
    return session.scalar(
        select(ScheduledRun)
        .where(ScheduledRun.id == run_id, or_(ScheduledRun.status == RunStatus.DUE, is_abandoned))
        .with_for_update()
    )


def is_overlapped(session: Session, run: ScheduledRun) -> bool:
    """Whether another run of the same job is being worked on; the job's control must be locked."""
    other = exists().where(
        ScheduledRun.job == run.job,
        ScheduledRun.id != run.id,
        ScheduledRun.status == RunStatus.RUNNING,
        ScheduledRun.lease_until > NOW,
    )
    return bool(session.scalar(select(other)))


def begin(session: Session, run: ScheduledRun, *, lease: timedelta) -> ClaimedRun:
    """Lease the locked run. The attempt is counted here, before the work, so that a crash counts too."""
    attempt = session.execute(
        update(ScheduledRun)
        .where(ScheduledRun.id == run.id)
        .values(
            status=RunStatus.RUNNING,
            attempts=ScheduledRun.attempts + 1,
            started_at=func.coalesce(ScheduledRun.started_at, func.product_now()),
            lease_until=NOW + lease,
        )
        .returning(ScheduledRun.attempts)
    ).scalar_one()
    return ClaimedRun(run.id, run.job, run.due_at, attempt)


def finish(
    session: Session,
    claim: ClaimedRun,
    status: RunStatus,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """Record how the attempt ended, unless a later attempt has taken over; whether it was recorded."""
    ended = {"finished_at": func.product_now()} if status is not RunStatus.DUE else {}
    recorded = session.scalar(
        update(ScheduledRun)
        .where(
            ScheduledRun.id == claim.run_id,
            ScheduledRun.status == RunStatus.RUNNING,
            ScheduledRun.attempts == claim.attempt,
        )
        .values(status=status, result=result, error=error, lease_until=None, **ended)
        .returning(ScheduledRun.id)
    )
    return recorded is not None


def close_unstarted(
    session: Session, run: ScheduledRun, status: RunStatus, *, reason: RunReason | None = None, error: str | None = None
) -> None:
    """End a locked run without working on it."""
    session.execute(
        update(ScheduledRun)
        .where(ScheduledRun.id == run.id)
        .values(
            status=status,
            reason=reason or ScheduledRun.reason,
            error=error,
            lease_until=None,
            finished_at=func.product_now(),
        )
    )


def last_runs(session: Session) -> dict[str, ScheduledRun]:
    """The latest run of each job, by due time; skipped ones among them."""
    query = (
        select(ScheduledRun).ext(distinct_on(ScheduledRun.job)).order_by(ScheduledRun.job, ScheduledRun.due_at.desc())
    )
    return {run.job: run for run in session.scalars(query)}


def history(session: Session, *, job: str | None, before: int | None, limit: int) -> Sequence[ScheduledRun]:
    """Runs, the last recorded first; `before` is the id of the last one seen."""
    query = select(ScheduledRun).order_by(ScheduledRun.id.desc()).limit(limit)
    if job is not None:
        query = query.where(ScheduledRun.job == job)
    if before is not None:
        query = query.where(ScheduledRun.id < before)
    return session.scalars(query).all()


def recorded(session: Session, *, since: datetime, until: datetime) -> set[tuple[str, datetime]]:
    """Job and due time of each run that the calendar brought about in (since, until]."""
    query = select(ScheduledRun.job, ScheduledRun.due_at).where(
        ScheduledRun.due_at > since, ScheduledRun.due_at <= until, ScheduledRun.requested_by.is_(None)
    )
    return {(job, due_at) for job, due_at in session.execute(query)}
