"""What an operator does with the schedule: look at it, run a job now, pause and resume it, read what ran."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from services.core.domain.failures import NotFound
from services.core.domain.schedule import JOBS, RunStatus, ScheduledJob, due_times
from services.core.runtime import tracing
from services.core.storage import audit, schedule
from services.core.storage.clock import product_now
from services.core.storage.database import Database, Session
from services.core.storage.models import ScheduleControl, ScheduledRun
from services.core.storage.schedule import PERSONS_TERM
from services.core.usecases.schedule.tick import plan_job

NEXT_DUE = 3
LOOK_AHEAD = timedelta(days=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run. Times are product time; `late_by` is from due to start, for a waiting run from due to now."""

    run_id: int
    job: str
    due_at: datetime
    status: str
    reason: str | None
    started_at: datetime | None
    finished_at: datetime | None
    late_by: timedelta | None
    attempts: int
    result: dict[str, object] | None
    error: str | None
    requested_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One job of the schedule; `next_due` are instants of product time, also while it is paused."""

    name: str
    rule: str
    zone: str
    catch_up: str
    next_due: tuple[datetime, ...]
    last_run: RunView | None
    paused_at: datetime | None
    paused_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched(JobView):
    """A job after it was paused or resumed; `changed` is false when it was in that state already."""

    job: str
    changed: bool


def list_jobs(database: Database, *, zone: str) -> list[JobView]:
    """Every job with its rule, its next due times and its last run."""
    with database.reading() as session:
        now = product_now(session)
        controls, last = schedule.controls(session), schedule.last_runs(session)
        return [JobView(**_facts(job, controls.get(job.name), last.get(job.name), now, zone)) for job in JOBS.values()]


def history(
    database: Database, *, job: str | None = None, before: int | None = None, limit: int = 100
) -> list[RunView]:
    """Runs, the last recorded first; `before` continues below an id. Raises `NotFound` for an unknown job."""
    if job is not None:
        _job(job)
    with database.reading() as session:
        now = product_now(session)
        return [_run_view(run, now) for run in schedule.history(session, job=job, before=before, limit=limit)]


def run_now(database: Database, job: str, *, by: str) -> RunView:
    """Have the job run once more, now, paused or not; the clock publishes it within a second. Raises `NotFound`."""
    _job(job)
    with database.transaction() as session:
        run = schedule.add_requested_run(session, job, by=by, traceparent=tracing.traceparent())
        _audit(session, job, act="schedule.run_now", by=by)
        return _run_view(run, run.due_at)


def pause(database: Database, job: str, *, by: str, zone: str) -> Switched:
    """Let runs that fall due from now on be skipped. Raises `NotFound`."""
    scheduled = _job(job)
    with database.transaction() as session:
        control = schedule.lock_controls(session, [job])[job]
        changes = control.paused_at is None
        if changes:
            control.paused_at, control.paused_by = product_now(session), by
            _audit(session, job, act="schedule.paused", by=by)
        return _switched(session, scheduled, control, zone, changed=changes)


def resume(database: Database, job: str, *, by: str, zone: str) -> Switched:
    """Let the job run again from its next due time. Raises `NotFound`.

    What fell due during the pause is recorded first, so that it counts as paused even if no clock was alive.
    """
    scheduled = _job(job)
    with database.transaction() as session:
        control = schedule.lock_controls(session, [job])[job]
        changes = control.paused_at is not None
        if changes:
            plan_job(session, scheduled, control, now=product_now(session), zone=zone, term=PERSONS_TERM)
            control.paused_at = control.paused_by = None
            _audit(session, job, act="schedule.resumed", by=by)
        return _switched(session, scheduled, control, zone, changed=changes)


def _switched(session: Session, job: ScheduledJob, control: ScheduleControl, zone: str, *, changed: bool) -> Switched:
    last = schedule.last_runs(session).get(job.name)
    return Switched(**_facts(job, control, last, product_now(session), zone), job=job.name, changed=changed)


def _job(name: str) -> ScheduledJob:
    if name not in JOBS:
        raise NotFound("job", name)
    return JOBS[name]


def _audit(session: Session, job: str, *, act: str, by: str) -> None:
    audit.record(session, actor=by, act=act, subject="schedule", detail={"job": job})


def _facts(
    job: ScheduledJob, control: ScheduleControl | None, last: ScheduledRun | None, now: datetime, zone: str
) -> dict[str, Any]:
    """The fields of a `JobView`."""
    return {
        "name": job.name,
        "rule": str(job.rule),
        "zone": zone,
        "catch_up": job.catch_up,
        "next_due": tuple(islice(_coming(job, now, zone), NEXT_DUE)),
        "last_run": _run_view(last, now) if last else None,
        "paused_at": control.paused_at if control else None,
        "paused_by": control.paused_by if control else None,
    }


def _coming(job: ScheduledJob, now: datetime, zone: str) -> Iterator[datetime]:
    return due_times(job.rule, after=now, until=now + LOOK_AHEAD, zone=zone)


def _run_view(run: ScheduledRun, now: datetime) -> RunView:
    begun = run.started_at or (now if run.status == RunStatus.DUE else None)
    return RunView(
        run_id=run.id,
        job=run.job,
        due_at=run.due_at,
        status=run.status,
        reason=run.reason,
        started_at=run.started_at,
        finished_at=run.finished_at,
        late_by=max(begun - run.due_at, timedelta(0)) if begun else None,
        attempts=run.attempts,
        result=run.result,
        error=run.error,
        requested_by=run.requested_by,
    )
