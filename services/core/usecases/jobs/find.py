"""Find jobs: all of them, or one by its external id."""

from services.core.domain.failures import NotFound
from services.core.domain.jobs import state_of
from services.core.storage import jobs
from services.core.storage.database import Session
from services.core.usecases.context import Context
from services.core.views.jobs import Job
from services.core.views.values import Page, page_of


def list_jobs(context: Context, *, after: int, limit: int) -> Page[Job]:
    """Jobs by id."""
    with context.database.reading() as session:
        return page_of(jobs.page(session, after=after, limit=limit + 1), limit, _view, position="job.id")


def show_job(context: Context, external_id: str) -> Job:
    """One job. Raises `NotFound`."""
    with context.database.reading() as session:
        return job_of(session, external_id)


def job_of(session: Session, external_id: str) -> Job:
    """The job with its contact and its texts. Raises `NotFound`."""
    row = jobs.find(session, external_id)
    if row is None:
        raise NotFound("job", external_id)
    return _view(row)


def _view(row: jobs.JobRow) -> Job:
    job, contact, follow_up, reminder = row
    return Job.of(
        job,
        e164=contact.e164,
        first_name=contact.first_name,
        state=state_of(completed_at=job.completed_at, cancelled_at=job.cancelled_at),
        follow_up=follow_up,
        reminder=reminder,
    )
