"""A world for each test, on one simulator process per test process."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import TEMPLATE, ValkeyProcess
from tests.tools.simulator import RunningSimulator, running_simulator
from tests.tools.world import World


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    with running_simulator(tmp_path_factory.mktemp("simulator"), late_reply=0.5) as simulator:
        yield simulator


@pytest.fixture
def make_world(
    database_url: str, valkey_server: ValkeyProcess, simulator_process: RunningSimulator
) -> Iterator[Callable[..., World]]:
    """Makes the test's world with settings of its own."""
    simulator_process.reset(keep_webhooks=False)
    made: list[World] = []

    def make(**options: Any) -> World:
        made.append(World(database_url, valkey_server.url, simulator_process, options, logins_of=TEMPLATE))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
