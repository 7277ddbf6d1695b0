"""Queues, workers and what the tasks did."""

from datetime import datetime
from typing import Any

from services.console.shapes.values import Answered, Id, PageQuery, Span, example
from services.core.queue.names import TaskName


class QueueDepth(Answered):
    """Tasks waiting; `oldest` is the age of the oldest work, where rows tell it."""

    queue: str
    pool: str
    waiting: int
    oldest: Span | None


class PoolLoad(Answered):
    """Tasks that a pool's workers hold."""

    pool: str
    unacked: int


class Queues(Answered):
    model_config = example(
        {
            "queues": [{"queue": "campaigns", "pool": "campaign", "waiting": 12, "oldest": "PT3S"}],
            "pools": [{"pool": "campaign", "unacked": 2}],
        }
    )

    queues: list[QueueDepth]
    pools: list[PoolLoad]


class RunningTask(Answered):
    task_id: str
    name: str
    started_at: datetime | None


class Worker(Answered):
    """A worker that answered; `hostname` is `<pool>@<host>`."""

    model_config = example(
        {
            "hostname": "campaign@worker-0",
            "pool": "campaign",
            "running": [
                {
                    "task_id": "0d3c1d0e-5b0f-4f0e-9a52-4a3d7b1f7c11",
                    "name": "send_campaign_message",
                    "started_at": "2026-03-02T18:00:00Z",
                }
            ],
        }
    )

    hostname: str
    pool: str
    running: list[RunningTask]


class TasksQuery(PageQuery):
    name: TaskName | None = None
    message_id: Id | None = None
    campaign_id: Id | None = None


class Task(Answered):
    """One task as history knows it; `outcome` is null while it runs."""

    model_config = example(
        {
            "run_id": 88,
            "task_id": "0d3c1d0e-5b0f-4f0e-9a52-4a3d7b1f7c11",
            "task": "send_campaign_message",
            "args": [["42"]],
            "deliveries": 1,
            "started_at": "2026-03-02T18:00:00Z",
            "finished_at": "2026-03-02T18:00:01Z",
            "seconds": 0.41,
            "outcome": "succeeded",
            "error": None,
        }
    )

    run_id: int
    task_id: str
    task: str
    args: list[Any]
    deliveries: int
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    outcome: str | None
    error: str | None
