"""Jobs: imported or put singly by their external id; a completed one is followed up."""

from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from pydantic import Field

from services.console.cursors import page_of
from services.console.endpoints import By, Csv, Endpoint, InContext
from services.console.shapes import Page, PageQuery, StrictQuery
from services.console.versions import Versions, tag, tagged
from services.core.domain.access import Role
from services.core.domain.jobs_csv import TIMES, GivenJob
from services.core.usecases.contacts.person_key import read_phone
from services.core.usecases.jobs import job_verbs
from services.core.usecases.jobs.job_verbs import JobImportReport, JobView, PutJob
from services.core.views import jobs as views


class JobsImportQuery(StrictQuery):
    apply: bool = Field(default=False, description="false: only say what it would do")


ExternalId = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


def list_jobs(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """Jobs, oldest first."""
    return page_of(request, query, lambda after, limit: job_verbs.list_jobs(context, after=after, limit=limit))


def add_job(context: InContext, by: By, new: views.NewJob, response: Response) -> PutJob:
    """Add a job, or say more about a known one; the same again changes nothing."""
    number = read_phone(context, new.phone) if new.phone is not None else None
    given = _given(new, new.external_id, e164=number, first_name=new.first_name)
    put = job_verbs.put_job(context, given, by=by)
    tag(response, put.job)
    return put


def import_jobs_file(
    context: InContext, by: By, upload: Csv, query: Annotated[JobsImportQuery, Query()]
) -> JobImportReport:
    """Read jobs from a CSV file and say what it would do; with `apply`, do it."""
    return job_verbs.import_jobs(context, upload.chunks(), by=by, apply=query.apply)


def show_job(context: InContext, external_id: ExternalId, response: Response) -> JobView:
    """One job with its follow-up and its reminder."""
    return tagged(response, job_verbs.show_job(context, external_id))


def update_job(
    context: InContext, by: By, external_id: ExternalId, change: views.JobChange, response: Response, versions: Versions
) -> PutJob:
    """Change what is known of a job; texts that are not to be sent after all are taken back."""
    put = job_verbs.put_job(context, _given(change, external_id), by=by, must_exist=True, versions=versions)
    tag(response, put.job)
    return put


def _given(said: views.JobChange, external_id: str, **person: str | None) -> GivenJob:
    """What the body says: a time that it names as null is taken back."""
    cleared = frozenset(name for name in TIMES if name in said.model_fields_set and getattr(said, name) is None)
    return GivenJob(
        external_id=external_id,
        job_type=said.job_type,
        calendar_end=said.calendar_end,
        invoice_paid_at=said.invoice_paid_at,
        review_at=said.review_at,
        cancelled=said.cancelled,
        cleared=cleared,
        **person,
    )


ENDPOINTS = (
    Endpoint(verb="jobs list", method="GET", path="/jobs", role=Role.VIEWER, handler=list_jobs, answer=Page[views.Job]),
    Endpoint(verb="jobs add", method="POST", path="/jobs", role=Role.OPERATOR, handler=add_job, answer=views.PutJob),
    Endpoint(
        verb="jobs import",
        method="POST",
        path="/job-imports",
        role=Role.OPERATOR,
        handler=import_jobs_file,
        answer=views.JobImportReport,
        takes_csv=True,
    ),
    Endpoint(
        verb="jobs show",
        method="GET",
        path="/jobs/{external_id:external}",
        role=Role.VIEWER,
        handler=show_job,
        answer=views.Job,
    ),
    Endpoint(
        verb="jobs update",
        method="PATCH",
        path="/jobs/{external_id:external}",
        role=Role.OPERATOR,
        handler=update_job,
        answer=views.PutJob,
    ),
)
