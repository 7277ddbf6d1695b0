"""A stack for commands: a database of the test's own, a Valkey, and one simulator for all tests."""

from collections.abc import Iterator

import pytest

from tests.conftest import ValkeyProcess
from tests.tools.command_line import CommandLine, command_line
from tests.tools.rows import warm_limiter
from tests.tools.simulator import RunningSimulator, running_simulator


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    with running_simulator(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture
def simulator(simulator_process: RunningSimulator) -> RunningSimulator:
    simulator_process.reset(keep_webhooks=False)
    return simulator_process


@pytest.fixture
def environment(database_url: str, valkey_server: ValkeyProcess, simulator_process: RunningSimulator) -> dict[str, str]:
    """The settings of the stack, as a pod has them."""
    return {
        "ATTACKACRACK_DATABASE_URL": database_url,
        "ATTACKACRACK_REDIS_URL": valkey_server.url,
        "ATTACKACRACK_PROVIDER_BASE_URL": simulator_process.url,
        "ATTACKACRACK_PROVIDER_RATE": "1000",
        "ATTACKACRACK_PROVIDER_API_KEY": simulator_process.api_key,
        "ATTACKACRACK_PROVIDER_PHONE_NUMBER": simulator_process.phone_number,
        "ATTACKACRACK_PROVIDER_PHONE_NUMBER_ID": simulator_process.phone_number_id,
    }


@pytest.fixture
def attackacrack(environment: dict[str, str]) -> Iterator[CommandLine]:
    with command_line(environment) as line:
        warm_limiter(line.context)
        yield line
