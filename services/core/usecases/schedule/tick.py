"""One tick of the clock: record what fell due since the last one, then hand the due runs to the workers.

The transaction is the schedule: rows and the point planned so far move together, under a term that the same
transaction holds locked. So a tick that dies anywhere is repeated whole, and two leaders cannot both write.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from services.core.domain.schedule import JOBS, PlannedRun, RunReason, RunStatus, ScheduledJob, plan_runs
from services.core.queue.enqueue import Broker
from services.core.queue.names import TaskName
from services.core.runtime import tracing
from services.core.runtime.failpoints import reach
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage import audit, beat_lease, schedule
from services.core.storage.beat_lease import Lease
from services.core.storage.clock import product_now
from services.core.storage.database import Session
from services.core.storage.models import ScheduleControl, ScheduledRun
from services.core.usecases.context import Context

log = structlog.get_logger()

BEGAN = "schedule.began"
"""The audit's word for a job's first tick: due times before it were never expected."""


def tick_schedule(
    context: Context,
    lease: Lease,
    *,
    jobs: Collection[ScheduledJob] = tuple(JOBS.values()),
    publish_again_after: timedelta | None = None,
) -> int:
    """Record and publish all that is due; returns how many runs were published.

    What was published `publish_again_after` ago (by default as the settings say) and was not begun is published again,
    unless the broker still holds it. Raises `StaleTerm` when the lease is over, `DatabaseUnavailable`, and
    `BrokerUnavailable` with the runs recorded: a later tick publishes them.
    """
    again_after = context.settings.timings.unleased_after if publish_again_after is None else publish_again_after
    with context.database.transaction() as session:
        beat_lease.confirm_term(session, lease)
        skipped = _plan(session, jobs, zone=context.settings.business_zone, term=lease.term)
        runs = schedule.to_publish(session, again_after=again_after)
        reach("tick_before_commit")
    for (job, reason), count in skipped.items():
        log.warning("schedule.runs_skipped", job=job, reason=reason, count=count)
    reach("tick_before_publish")
    return _publish(context, _forgotten(context.broker, runs, lost_after=again_after))


def plan_job(
    session: Session, job: ScheduledJob, control: ScheduleControl, *, now: datetime, zone: str, term: int
) -> list[PlannedRun]:
    """Record the job's due times up to `now`, and return them; its control must be locked and have begun."""
    if control.planned_until is None or control.planned_until >= now:
        return []
    planned = plan_runs(job, after=control.planned_until, until=now, zone=zone, paused_at=control.paused_at)
    schedule.add_runs(session, job.name, planned, term=term)
    control.planned_until = now
    return planned


def _plan(
    session: Session, jobs: Collection[ScheduledJob], *, zone: str, term: int
) -> Counter[tuple[str, RunReason | None]]:
    """Plan every job; returns how many due times of which job were skipped for which reason."""
    controls = schedule.lock_controls(session, [job.name for job in jobs])
    now = product_now(session)
    skipped: Counter[tuple[str, RunReason | None]] = Counter()
    for job in jobs:
        control = controls[job.name]
        if control.planned_until is None:
            control.planned_until = now
            detail = {"job": job.name, "from": now.isoformat()}
            audit.record(session, actor="beat", act=BEGAN, subject="schedule", detail=detail)
        planned = plan_job(session, job, control, now=now, zone=zone, term=term)
        skipped.update((job.name, run.reason) for run in planned if run.status is RunStatus.SKIPPED)
        reach("tick_half_planned")
    return skipped


def _forgotten(broker: Broker, runs: Sequence[ScheduledRun], *, lost_after: timedelta) -> list[ScheduledRun]:
    """Those of the runs that the broker holds no task for: one that still waits there is not published again."""
    jobs = {run.job for run in runs if run.published_at is not None}
    queued = {job: broker.queued(TaskName(job), lost_after=lost_after) for job in jobs}
    return [
        run
        for run in runs
        if run.published_at is None or (queued[run.job].is_whole and run.id not in queued[run.job].ids)
    ]


def _publish(context: Context, runs: Sequence[ScheduledRun]) -> int:
    published: dict[int, str | None] = {}
    try:
        for run in runs:
            attributes: tracing.Attributes = {Attribute.JOB: run.job, Attribute.RUN_ID: run.id}
            with tracing.span(SpanName.TICK, attributes, parent=run.traceparent) as active:
                context.broker.enqueue(TaskName(run.job), [str(run.id)], traceparent=active.traceparent)
            published[run.id] = active.traceparent
            log.info("schedule.run_published", job=run.job, run_id=run.id, due_at=run.due_at.isoformat())
    finally:
        reach("tick_before_mark")
        if published:
            with context.database.transaction() as session:
                schedule.stamp_published(session, published)
    return len(published)
