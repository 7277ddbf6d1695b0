"""Run a scheduled job once more, now."""

from services.core.runtime import tracing
from services.core.storage import audit, schedule
from services.core.usecases.context import Context
from services.core.usecases.schedule.jobs import job_named, run_view
from services.core.views.schedule import Run


def run_now(context: Context, job: str, *, by: str) -> Run:
    """Have the job run once more, now, paused or not; the clock publishes it within a second. Raises `NotFound`."""
    job_named(job)
    with context.database.transaction() as session:
        run = schedule.add_requested_run(session, job, by=by, traceparent=tracing.traceparent())
        audit.record(session, actor=by, act="schedule.run_now", subject="schedule", detail={"job": job})
        return run_view(run, run.due_at)
