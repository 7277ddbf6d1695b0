"""A health check overtakes campaign tasks, by real workers of both pools and a real clock."""

from pathlib import Path
from typing import Any

import pytest

from services.core.runtime.settings import read_settings
from services.core.storage import installation
from services.core.usecases.context import Context
from tests.benchmarks.urgency import measure_urgency


@pytest.mark.processes
@pytest.mark.parametrize(
    "tasks",
    [3_000, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
def test_a_health_check_does_not_wait_for_the_campaigns(
    database_url: str, valkey_server: Any, tmp_path: Path, tasks: int
) -> None:
    context = Context(read_settings(database_url=database_url, redis_url=valkey_server.url))
    with context.database.transaction() as session:
        installation.ensure(
            session, provider="simulator", environment="development", key_fingerprint=context.key_fingerprint
        )
    try:
        urgency = measure_urgency(context, tmp_path, tasks=tasks, checks=2)
    finally:
        context.close()
    # It was done while campaign tasks still waited, and in less time than it takes to work them off.
    assert urgency.queued_after > 0
    assert urgency.longest_seconds < 30
