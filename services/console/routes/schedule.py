"""The schedule: its jobs, what ran, and running, pausing or resuming one."""

from typing import Annotated, Any

from fastapi import Path, Query, Request

from services.console.cursors import page_of
from services.console.endpoints import By, Endpoint, InContext
from services.console.shapes import Page, PageQuery
from services.core.domain.access import Role
from services.core.usecases.schedule import find, pause
from services.core.usecases.schedule import run_now as run
from services.core.views import schedule as views
from services.core.views.values import Page as Listed

JobName = Annotated[str, Path(pattern=r"^[a-z_]{1,64}$")]


def list_schedule(context: InContext) -> Listed[views.ScheduledJob]:
    """Every job with its next due times and its last run."""
    return find.list_schedule(context)


def list_runs(
    context: InContext, request: Request, job: JobName, query: Annotated[PageQuery, Query()]
) -> dict[str, Any]:
    """A job's runs, the last recorded first."""
    return _runs(context, request, query, job=job)


def list_all_runs(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """Runs of every job, the last recorded first."""
    return _runs(context, request, query, job=None)


def run_now(context: InContext, by: By, job: JobName) -> views.Run:
    """Have the job run once more, now, paused or not."""
    return run.run_now(context, job, by=by)


def pause_job(context: InContext, by: By, job: JobName) -> views.Switched:
    """Let runs that fall due from now on be skipped."""
    return pause.pause_job(context, job, by=by)


def resume_job(context: InContext, by: By, job: JobName) -> views.Switched:
    """Let the job run again from its next due time."""
    return pause.resume_job(context, job, by=by)


def _runs(context: InContext, request: Request, query: PageQuery, *, job: str | None) -> dict[str, Any]:
    return page_of(
        request,
        query,
        lambda before, limit: find.list_runs(context, job=job, before=before or None, limit=limit),
    )


ENDPOINTS = (
    Endpoint(
        verb="schedule list",
        method="GET",
        path="/schedule",
        role=Role.VIEWER,
        handler=list_schedule,
        answer=Page[views.ScheduledJob],
    ),
    Endpoint(
        verb="schedule history",
        method="GET",
        path="/schedule/runs",
        role=Role.VIEWER,
        handler=list_all_runs,
        answer=Page[views.Run],
    ),
    Endpoint(
        verb="schedule history",
        method="GET",
        path="/schedule/{job}/runs",
        role=Role.VIEWER,
        handler=list_runs,
        answer=Page[views.Run],
    ),
    Endpoint(
        verb="schedule run-now",
        method="POST",
        path="/schedule/{job}/run-now",
        role=Role.OPERATOR,
        handler=run_now,
        answer=views.Run,
        status=201,
    ),
    Endpoint(
        verb="schedule pause",
        method="POST",
        path="/schedule/{job}/pause",
        role=Role.OPERATOR,
        handler=pause_job,
        answer=views.Switched,
    ),
    Endpoint(
        verb="schedule resume",
        method="POST",
        path="/schedule/{job}/resume",
        role=Role.OPERATOR,
        handler=resume_job,
        answer=views.Switched,
    ),
)
