"""Look at the schedule: its jobs, and what ran."""

from functools import partial

from services.core.domain.schedule import JOBS
from services.core.storage import schedule
from services.core.storage.clock import product_now
from services.core.usecases.context import Context
from services.core.usecases.schedule.jobs import job_named, job_view, run_view
from services.core.views.schedule import Run, ScheduledJob
from services.core.views.values import Page, page_of


def list_schedule(context: Context) -> Page[ScheduledJob]:
    """Every job with its rule, its next due times and its last run."""
    zone = context.settings.business_zone
    with context.database.reading() as session:
        now = product_now(session)
        controls, last = schedule.controls(session), schedule.last_runs(session)
        jobs = [job_view(job, controls.get(job.name), last.get(job.name), now, zone) for job in JOBS.values()]
    return Page(items=jobs, next=None)


def list_runs(context: Context, *, job: str | None = None, before: int | None = None, limit: int = 100) -> Page[Run]:
    """Runs, the last recorded first; `before` continues below an id. Raises `NotFound` for an unknown job."""
    if job is not None:
        job_named(job)
    with context.database.reading() as session:
        rows = schedule.history(session, job=job, before=before, limit=limit + 1)
        return page_of(rows, limit, partial(run_view, now=product_now(session)))
