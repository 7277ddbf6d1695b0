"""How soon a health check starts behind a full queue: `python -m tests.benchmarks.urgency [--tasks 100000]`.

Real workers of both pools and a real clock. The campaign queue holds so many tasks, each a real one that finds its
message gone; then a person asks for the health check again and again. Product time is the database's own here.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.core.domain.schedule import RunStatus
from services.core.queue.enqueue import Batch
from services.core.queue.names import Queue, TaskName
from services.core.storage.models import ScheduledRun
from services.core.usecases.context import Context
from services.core.usecases.schedule.run_now import run_now
from tests.tools.roles import running_role
from tests.tools.servers import running_servers
from tests.tools.waiting import wait_until

HEALTH = "operational_health_check"
NOBODY = "999999999"
STARTS_WITHIN = 180


@dataclass(frozen=True, slots=True)
class Urgency:
    """Seconds from the asking to the start of a health check, and how many tasks waited before and after."""

    checks: int
    queued_before: int
    queued_after: int
    median_seconds: float
    longest_seconds: float


def measure_urgency(context: Context, folder: Path, *, tasks: int, checks: int) -> Urgency:
    """Start the roles, fill the queue, and ask. Leaves the queue as it is."""
    context.broker.enqueue_many(TaskName.SEND_CAMPAIGN_MESSAGE, (Batch([NOBODY]) for _ in range(tasks)))
    with ExitStack() as roles:
        for role in ("campaign_worker", "operations_worker", "beat"):
            roles.enter_context(running_role(role, folder, **_settings(context)))
        _await_run(context)  # all roles are up when the first is done
        before = context.inspector.waiting(Queue.CAMPAIGNS)
        took = [_await_run(context) for _ in range(checks)]
        after = context.inspector.waiting(Queue.CAMPAIGNS)
    return Urgency(checks, before, after, statistics.median(took), max(took))


def _await_run(context: Context) -> float:
    run_id = run_now(context, HEALTH, by="a measurement").run_id
    found: list[ScheduledRun] = []

    def is_done() -> bool:
        with context.database.reading() as session:
            run = session.get_one(ScheduledRun, run_id)
            found.append(run)
            return run.status in (RunStatus.SUCCEEDED, RunStatus.FAILED)

    wait_until(is_done, within=STARTS_WITHIN)
    assert found[-1].started_at is not None
    return (found[-1].started_at - found[-1].due_at).total_seconds()


def _settings(context: Context) -> dict[str, Any]:
    own = context.settings
    return {
        "database_url": own.database_url.get_secret_value(),
        "redis_url": own.redis_url.get_secret_value(),
        "log_level": "WARNING",
    }


def _rounded(urgency: Urgency) -> Iterator[tuple[str, float]]:
    return ((name, round(value, 3)) for name, value in asdict(urgency).items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--checks", type=int, default=10)
    options = parser.parse_args()
    with running_servers() as servers, servers.context() as context:
        urgency = measure_urgency(context, servers.folder, tasks=options.tasks, checks=options.checks)
    print(json.dumps(dict(_rounded(urgency))))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
