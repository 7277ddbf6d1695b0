"""Pause a scheduled job, and resume it."""

from services.core.domain.schedule import ScheduledJob
from services.core.storage import audit, schedule
from services.core.storage.clock import product_now
from services.core.storage.database import Session
from services.core.storage.models import ScheduleControl
from services.core.storage.schedule import PERSONS_TERM
from services.core.usecases.context import Context
from services.core.usecases.schedule.jobs import job_named, job_view
from services.core.usecases.schedule.tick import plan_job
from services.core.views.schedule import Switched


def pause_job(context: Context, job: str, *, by: str) -> Switched:
    """Let runs that fall due from now on be skipped. Raises `NotFound`."""
    scheduled = job_named(job)
    with context.database.transaction() as session:
        control = schedule.lock_controls(session, [job])[job]
        changes = control.paused_at is None
        if changes:
            control.paused_at, control.paused_by = product_now(session), by
            audit.record(session, actor=by, act="schedule.paused", subject="schedule", detail={"job": job})
        return _switched(context, session, scheduled, control, changed=changes)


def resume_job(context: Context, job: str, *, by: str) -> Switched:
    """Let the job run again from its next due time. Raises `NotFound`.

    What fell due during the pause is recorded first, so that it counts as paused even if no clock was alive.
    """
    scheduled = job_named(job)
    with context.database.transaction() as session:
        control = schedule.lock_controls(session, [job])[job]
        changes = control.paused_at is not None
        if changes:
            zone = context.settings.business_zone
            plan_job(session, scheduled, control, now=product_now(session), zone=zone, term=PERSONS_TERM)
            control.paused_at = control.paused_by = None
            audit.record(session, actor=by, act="schedule.resumed", subject="schedule", detail={"job": job})
        return _switched(context, session, scheduled, control, changed=changes)


def _switched(
    context: Context, session: Session, job: ScheduledJob, control: ScheduleControl, *, changed: bool
) -> Switched:
    last = schedule.last_runs(session).get(job.name)
    shown = job_view(job, control, last, product_now(session), context.settings.business_zone)
    return Switched.of(shown, job=job.name, changed=changed)
