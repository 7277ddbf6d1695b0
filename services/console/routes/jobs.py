"""Jobs: imported or put singly by their external id; a completed one is followed up."""

from typing import Annotated

from fastapi import Path, Query, Request, Response
from pydantic import Field

from services.console.cursors import page_of
from services.console.dependencies import By, Csv, InContext, requires
from services.console.endpoints import api_router, verb
from services.console.shapes import Page, PageQuery, StrictQuery
from services.console.versions import Versions, tag, tagged
from services.core.domain.access import Role
from services.core.usecases.jobs import find, import_file, put
from services.core.views import jobs as views

router = api_router()


class JobsImportQuery(StrictQuery):
    apply: bool = Field(default=False, description="false: only say what it would do")


ExternalId = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


@router.get("/jobs", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("jobs list"))
def list_jobs(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> Page[views.Job]:
    """Jobs, oldest first."""
    return page_of(request, query, lambda after, limit: find.list_jobs(context, after=after, limit=limit))


@router.post("/jobs", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("jobs add"))
def add_job(context: InContext, by: By, new: views.NewJob, response: Response) -> views.PutJob:
    """Add a job, or say more about a known one; the same again changes nothing."""
    done = put.put_job(context, new, by=by)
    tag(response, done.job)
    return done


@router.post("/job-imports", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("jobs import"))
def import_jobs_file(
    context: InContext, by: By, upload: Csv, query: Annotated[JobsImportQuery, Query()]
) -> views.JobImportReport:
    """Read jobs from a CSV file and say what it would do; with `apply`, do it."""
    return import_file.import_jobs(context, upload.chunks(), by=by, apply=query.apply)


@router.get("/jobs/{external_id:external}", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("jobs show"))
def show_job(context: InContext, external_id: ExternalId, response: Response) -> views.Job:
    """One job with its follow-up and its reminder."""
    return tagged(response, find.show_job(context, external_id))


@router.patch("/jobs/{external_id:external}", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("jobs update"))
def update_job(
    context: InContext, by: By, external_id: ExternalId, change: views.JobChange, response: Response, versions: Versions
) -> views.PutJob:
    """Change what is known of a job; texts that are not to be sent after all are taken back."""
    done = put.update_job(context, external_id, change, by=by, versions=versions)
    tag(response, done.job)
    return done
