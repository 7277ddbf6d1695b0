"""The schedule's jobs as they are shown: each with its next due times and its last run."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from services.core.domain.failures import NotFound
from services.core.domain.schedule import JOBS, RunStatus, ScheduledJob, due_times
from services.core.storage.models import ScheduleControl, ScheduledRun
from services.core.views import schedule as views

NEXT_DUE = 3
LOOK_AHEAD = timedelta(days=5)


def job_named(name: str) -> ScheduledJob:
    """Raises `NotFound`."""
    if name not in JOBS:
        raise NotFound("job", name)
    return JOBS[name]


def job_view(
    job: ScheduledJob, control: ScheduleControl | None, last: ScheduledRun | None, now: datetime, zone: str
) -> views.ScheduledJob:
    """The job at `now`, product time; its rule is read in `zone`."""
    return views.ScheduledJob(
        name=job.name,
        rule=str(job.rule),
        zone=zone,
        catch_up=job.catch_up,
        next_due=list(islice(_coming(job, now, zone), NEXT_DUE)),
        last_run=run_view(last, now) if last else None,
        paused_at=control.paused_at if control else None,
        paused_by=control.paused_by if control else None,
    )


def run_view(run: ScheduledRun, now: datetime) -> views.Run:
    """A run at `now`, product time; one that waits is late until it begins."""
    begun = run.started_at or (now if run.status == RunStatus.DUE else None)
    return views.Run.of(run, late_by=max(begun - run.due_at, timedelta(0)) if begun else None)


def _coming(job: ScheduledJob, now: datetime, zone: str) -> Iterator[datetime]:
    return due_times(job.rule, after=now, until=now + LOOK_AHEAD, zone=zone)
