"""Queues, workers, and what the tasks did."""

from typing import Annotated

from fastapi import Query, Request

from services.console.cursors import page_of
from services.console.dependencies import InContext, requires
from services.console.endpoints import api_router, verb
from services.console.shapes import Page, PageQuery
from services.core.domain.access import Role
from services.core.queue.names import TaskName
from services.core.usecases.operations import work
from services.core.views import work as views
from services.core.views.values import Id
from services.core.views.values import Page as Listed

router = api_router()


class TasksQuery(PageQuery):
    name: TaskName | None = None
    message_id: Id | None = None
    campaign_id: Id | None = None


@router.get("/queues", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("queues"))
def show_queues(context: InContext) -> views.Queues:
    """How many tasks wait in each queue, and how many each pool's workers hold."""
    return work.read_queues(context)


@router.get(
    "/workers", response_model=Page[views.Worker], dependencies=[requires(Role.VIEWER)], openapi_extra=verb("workers")
)
def list_workers(context: InContext) -> Listed[views.Worker]:
    """The workers that answer, with the tasks they run now."""
    return work.list_workers(context)


@router.get("/tasks", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("tasks list"))
def list_tasks(context: InContext, request: Request, query: Annotated[TasksQuery, Query()]) -> Page[views.Task]:
    """What the workers did, newest first; of one task, message or campaign."""
    chosen = query.model_dump(include={"name", "message_id", "campaign_id"})
    return page_of(
        request,
        query,
        lambda before, limit: work.list_tasks(context, **chosen, before=before or None, limit=limit),
    )
