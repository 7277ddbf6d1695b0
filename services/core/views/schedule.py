"""The schedule's jobs and their runs."""

from datetime import datetime
from typing import Any

from services.core.domain.schedule import RunStatus
from services.core.views.values import RowId, Span, View, example

RUN: dict[str, Any] = {
    "run_id": 12,
    "job": "operational_health_check",
    "due_at": "2026-03-02T18:00:00Z",
    "status": "succeeded",
    "reason": None,
    "started_at": "2026-03-02T18:00:01Z",
    "finished_at": "2026-03-02T18:00:02Z",
    "late_by": "PT1S",
    "attempts": 1,
    "result": {"healthy": True, "unwell": []},
    "error": None,
    "requested_by": None,
}


class Run(View):
    """One run of a job; `late_by` is from due to start, for a waiting run from due to now."""

    model_config = example(RUN)

    run_id: RowId
    job: str
    due_at: datetime
    status: RunStatus
    reason: str | None
    started_at: datetime | None
    finished_at: datetime | None
    late_by: Span | None
    attempts: int
    result: dict[str, Any] | None
    error: str | None
    requested_by: str | None


JOB: dict[str, Any] = {
    "name": "operational_health_check",
    "rule": "every hour at :00",
    "zone": "America/New_York",
    "catch_up": "latest",
    "next_due": ["2026-03-02T19:00:00Z"],
    "last_run": RUN,
    "paused_at": None,
    "paused_by": None,
}


class ScheduledJob(View):
    """One job of the schedule; `next_due` also while it is paused."""

    model_config = example(JOB)

    name: str
    rule: str
    zone: str
    catch_up: str
    next_due: list[datetime]
    last_run: Run | None
    paused_at: datetime | None
    paused_by: str | None


class Switched(ScheduledJob):
    """A job after it was paused or resumed; `changed` is false when it was in that state already."""

    model_config = example(JOB | {"job": "operational_health_check", "changed": False})

    job: str
    changed: bool
