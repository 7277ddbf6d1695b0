"""Queues, workers, and what the tasks did."""

from typing import Annotated, Any

from fastapi import Query, Request

from services.console.cursors import page_of
from services.console.endpoints import Endpoint, Work
from services.console.shapes import work as shapes
from services.console.shapes.values import Page
from services.core.domain.access import Role
from services.core.queue.inspection import WorkerState
from services.core.usecases import inspect_verbs
from services.core.usecases.inspect_verbs import Page as Listed
from services.core.usecases.inspect_verbs import Queues


def show_queues(work: Work) -> Queues:
    """How many tasks wait in each queue, and how many each pool's workers hold."""
    return inspect_verbs.read_queues(work)


def list_workers(work: Work) -> Listed[WorkerState]:
    """The workers that answer, with the tasks they run now."""
    return inspect_verbs.list_workers(work)


def list_tasks(work: Work, request: Request, query: Annotated[shapes.TasksQuery, Query()]) -> dict[str, Any]:
    """What the workers did, newest first; of one task, message or campaign."""
    chosen = query.model_dump(include={"name", "message_id", "campaign_id"})
    return page_of(
        request,
        query,
        lambda before, limit: inspect_verbs.list_tasks(work, **chosen, before=before or None, limit=limit),
    )


ENDPOINTS = (
    Endpoint(verb="queues", method="GET", path="/queues", role=Role.VIEWER, handler=show_queues, answer=shapes.Queues),
    Endpoint(
        verb="workers",
        method="GET",
        path="/workers",
        role=Role.VIEWER,
        handler=list_workers,
        answer=Page[shapes.Worker],
    ),
    Endpoint(
        verb="tasks list", method="GET", path="/tasks", role=Role.VIEWER, handler=list_tasks, answer=Page[shapes.Task]
    ),
)
