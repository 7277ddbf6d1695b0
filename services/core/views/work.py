"""Queues, workers and what the tasks did."""

from datetime import datetime
from typing import Any

from pydantic import Field

from services.core.views.values import RowId, Span, View, example


class QueueDepth(View):
    """Tasks waiting; `oldest` is the age of the oldest work, where rows tell it."""

    queue: str
    pool: str
    waiting: int
    oldest: Span | None


class PoolLoad(View):
    """Tasks that a pool's workers hold."""

    pool: str
    unacked: int


class Queues(View):
    model_config = example(
        {
            "queues": [{"queue": "campaigns", "pool": "campaign", "waiting": 12, "oldest": "PT3S"}],
            "pools": [{"pool": "campaign", "unacked": 2}],
        }
    )

    queues: list[QueueDepth]
    pools: list[PoolLoad]


class RunningTask(View):
    task_id: str
    name: str
    started_at: datetime | None


class Worker(View):
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


class Task(View):
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

    run_id: RowId
    task_id: str
    task: str = Field(validation_alias="name")
    args: list[Any]
    deliveries: int
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    outcome: str | None
    error: str | None
