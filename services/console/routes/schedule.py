"""The schedule: its jobs, what ran, and running, pausing or resuming one."""

from typing import Annotated

from fastapi import Path, Query, Request

from services.console.cursors import page_of
from services.console.dependencies import By, InContext, requires
from services.console.endpoints import api_router, verb
from services.console.shapes import Page, PageQuery
from services.core.domain.access import Role
from services.core.usecases.schedule import find, pause
from services.core.usecases.schedule import run_now as run
from services.core.views import schedule as views
from services.core.views.values import Page as Listed

router = api_router()

JobName = Annotated[str, Path(pattern=r"^[a-z_]{1,64}$")]


@router.get(
    "/schedule",
    response_model=Page[views.ScheduledJob],
    dependencies=[requires(Role.VIEWER)],
    openapi_extra=verb("schedule list"),
)
def list_schedule(context: InContext) -> Listed[views.ScheduledJob]:
    """Every job with its next due times and its last run."""
    return find.list_schedule(context)


@router.get("/schedule/{job}/runs", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("schedule history"))
def list_runs(
    context: InContext, request: Request, job: JobName, query: Annotated[PageQuery, Query()]
) -> Page[views.Run]:
    """A job's runs, the last recorded first."""
    return _runs(context, request, query, job=job)


@router.get("/schedule/runs", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("schedule history"))
def list_all_runs(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> Page[views.Run]:
    """Runs of every job, the last recorded first."""
    return _runs(context, request, query, job=None)


@router.post(
    "/schedule/{job}/run-now",
    status_code=201,
    dependencies=[requires(Role.OPERATOR)],
    openapi_extra=verb("schedule run-now"),
)
def run_now(context: InContext, by: By, job: JobName) -> views.Run:
    """Have the job run once more, now, paused or not."""
    return run.run_now(context, job, by=by)


@router.post("/schedule/{job}/pause", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("schedule pause"))
def pause_job(context: InContext, by: By, job: JobName) -> views.Switched:
    """Let runs that fall due from now on be skipped."""
    return pause.pause_job(context, job, by=by)


@router.post("/schedule/{job}/resume", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("schedule resume"))
def resume_job(context: InContext, by: By, job: JobName) -> views.Switched:
    """Let the job run again from its next due time."""
    return pause.resume_job(context, job, by=by)


def _runs(context: InContext, request: Request, query: PageQuery, *, job: str | None) -> Page[views.Run]:
    return page_of(
        request,
        query,
        lambda before, limit: find.list_runs(context, job=job, before=before or None, limit=limit),
    )
