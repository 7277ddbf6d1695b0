"""One simulator process and one receiver for all tests of this folder, emptied before each."""

from collections.abc import Iterator

import pytest

from tests.tools.simulator import RunningSimulator, running_simulator
from tests.tools.webhook_receiver import WebhookReceiver

LATE_REPLY_SECONDS = 0.5


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    folder = tmp_path_factory.mktemp("simulator")
    with running_simulator(folder, late_reply=LATE_REPLY_SECONDS, time_factor=20, webhook_timeout=1) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def receiver_process() -> Iterator[WebhookReceiver]:
    with WebhookReceiver().serving() as receiver:
        yield receiver


@pytest.fixture
def simulator(simulator_process: RunningSimulator) -> RunningSimulator:
    simulator_process.reset(keep_webhooks=False)
    return simulator_process


@pytest.fixture
def receiver(simulator: RunningSimulator, receiver_process: WebhookReceiver) -> WebhookReceiver:
    """The receiver, cleared after the simulator forgot its deliveries."""
    receiver_process.clear()
    return receiver_process
