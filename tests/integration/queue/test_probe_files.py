"""The truth table of a worker's probe files."""

import signal

import pytest

from services.core.queue.enqueue import Batch, Broker
from services.core.queue.names import TaskName
from tests.conftest import ValkeyProcess
from tests.integration.queue.conftest import NewWorker
from tests.tools.waiting import wait_until

pytestmark = pytest.mark.processes
FRESH, STALE = 1.0, 1.5  # seconds; files are written every 0.1 s, and a stalled consumer is believed for half a second


@pytest.mark.own_valkey
def test_without_a_broker_a_worker_is_alive_but_not_ready(new_worker: NewWorker, valkey_server: ValkeyProcess) -> None:
    valkey_server.kill()
    worker = new_worker().start("webhook", ready=False, consumer_stalled_after=0.5)
    wait_until(worker.has("live"))
    wait_until(worker.has("started"))
    assert not worker.has("ready")()
    valkey_server.start()
    wait_until(worker.has("ready"))
    valkey_server.kill()
    wait_until(lambda: not worker.has("ready")())
    first = (worker.folder / "live").stat().st_mtime
    wait_until(lambda: (worker.folder / "live").stat().st_mtime > first + 1.5)


@pytest.mark.own_valkey
def test_a_broker_that_answers_nothing_is_noticed_and_forgiven(
    new_worker: NewWorker, broker: Broker, valkey_server: ValkeyProcess
) -> None:
    worker = new_worker().start(
        "webhook",
        consumer_stalled_after=1,
        health_check=1,
        worker_socket=1.5,
        worker_connect=1,
        reconnect_stalled_after=10,
    )
    valkey_server.freeze()
    wait_until(lambda: not worker.has("ready")())
    wait_until(lambda: worker.age("live") < FRESH)
    valkey_server.resume()
    wait_until(worker.has("ready"))
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["quick"])
    wait_until(lambda: worker.events("succeeded", "quick"))


def test_a_busy_worker_is_alive_and_ready(new_worker: NewWorker, broker: Broker) -> None:
    worker = new_worker().start("webhook", consumer_stalled_after=0.5)
    broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [Batch(["until:go"])] * 8)
    wait_until(lambda: len(worker.events("started")) == 2)
    began = (worker.folder / "live").stat().st_mtime
    wait_until(lambda: (worker.folder / "live").stat().st_mtime > began + 1.5)
    assert worker.has("ready")()
    assert worker.age("live") < FRESH


@pytest.mark.parametrize("fault", [signal.SIGSTOP, signal.SIGUSR2], ids=["stopped", "deadlocked"])
def test_a_worker_that_does_nothing_grows_stale(fault: int, new_worker: NewWorker) -> None:
    worker = new_worker().start("webhook", consumer_stalled_after=0.5)
    worker.send(fault)
    wait_until(lambda: worker.age("live") > STALE)
    assert worker.is_running
