"""A health check overtakes campaign tasks, by real workers of both pools and a real clock."""

import pytest

from tests.benchmarks.urgency import measure_urgency
from tests.tools.servers import running_servers


@pytest.mark.processes
@pytest.mark.timeout(600)
@pytest.mark.parametrize("tasks", [3_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_health_check_does_not_wait_for_the_campaigns(tasks: int) -> None:
    with running_servers() as servers, servers.context() as context:
        urgency = measure_urgency(context, servers.folder, tasks=tasks, checks=2)
    # It was done while campaign tasks still waited, so it had not waited for them.
    assert urgency.queued_after > 0
    assert urgency.queued_before - urgency.queued_after < tasks
