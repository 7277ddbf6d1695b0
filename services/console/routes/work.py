"""Queues, workers, and what the tasks did."""

from typing import Annotated, Any

from fastapi import Query, Request

from services.console.cursors import page_of
from services.console.endpoints import Endpoint, InContext
from services.console.shapes import Page, PageQuery
from services.core.domain.access import Role
from services.core.queue.names import TaskName
from services.core.usecases.operations import work
from services.core.views import work as views
from services.core.views.values import Id
from services.core.views.values import Page as Listed


class TasksQuery(PageQuery):
    name: TaskName | None = None
    message_id: Id | None = None
    campaign_id: Id | None = None


def show_queues(context: InContext) -> views.Queues:
    """How many tasks wait in each queue, and how many each pool's workers hold."""
    return work.read_queues(context)


def list_workers(context: InContext) -> Listed[views.Worker]:
    """The workers that answer, with the tasks they run now."""
    return work.list_workers(context)


def list_tasks(context: InContext, request: Request, query: Annotated[TasksQuery, Query()]) -> dict[str, Any]:
    """What the workers did, newest first; of one task, message or campaign."""
    chosen = query.model_dump(include={"name", "message_id", "campaign_id"})
    return page_of(
        request,
        query,
        lambda before, limit: work.list_tasks(context, **chosen, before=before or None, limit=limit),
    )


ENDPOINTS = (
    Endpoint(verb="queues", method="GET", path="/queues", role=Role.VIEWER, handler=show_queues, answer=views.Queues),
    Endpoint(
        verb="workers",
        method="GET",
        path="/workers",
        role=Role.VIEWER,
        handler=list_workers,
        answer=Page[views.Worker],
    ),
    Endpoint(
        verb="tasks list", method="GET", path="/tasks", role=Role.VIEWER, handler=list_tasks, answer=Page[views.Task]
    ),
)
