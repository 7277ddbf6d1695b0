"""Compare the calendar with the ledger: every due time must have its row, whatever became of the run."""

from collections.abc import Collection
from datetime import datetime

from services.core.domain.schedule import JOBS, ScheduledJob, due_times
from services.core.storage import audit, schedule
from services.core.storage.database import Session
from services.core.usecases.schedule.tick import BEGAN


def missing_runs(
    session: Session,
    *,
    zone: str,
    since: datetime,
    until: datetime,
    jobs: Collection[ScheduledJob] = tuple(JOBS.values()),
) -> list[tuple[str, datetime]]:
    """Job and due time of each run that should have been recorded in (since, until] and was not, oldest first.

    Both bounds are product time; leave the clock its few seconds before `until`. Nothing is expected of a job before
    its first tick.
    """
    began = _began(session)
    found = schedule.recorded(session, since=since, until=until)
    expected = (
        (job.name, due_at)
        for job in jobs
        if job.name in began
        for due_at in due_times(job.rule, after=max(since, began[job.name]), until=until, zone=zone)
    )
    return sorted((run for run in expected if run not in found), key=lambda run: (run[1], run[0]))


def _began(session: Session) -> dict[str, datetime]:
    entries = (entry.detail for entry in audit.entries(session, subject="schedule") if entry.act == BEGAN)
    return {detail["job"]: datetime.fromisoformat(detail["from"]) for detail in entries}
