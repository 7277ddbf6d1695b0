import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from services.core.queue.enqueue import Batch, Broker, BrokerUnavailable
from services.core.queue.inspection import Inspector
from services.core.queue.names import CAMPAIGN, WEBHOOK, Queue, TaskName
from tests.conftest import ValkeyProcess
from tests.integration.queue.conftest import NewWorker
from tests.tools.waiting import wait_until

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[3]


def test_queued_plus_running_is_what_the_broker_counts(
    new_worker: NewWorker, broker: Broker, inspector: Inspector, valkey_server: ValkeyProcess
) -> None:
    worker = new_worker().start("webhook")
    broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [Batch(["until:go"])] * 12)
    wait_until(lambda: len(worker.events("started")) == 2)
    assert (inspector.waiting(Queue.WEBHOOKS), inspector.unacked(WEBHOOK)) == (10, 2)
    [state] = wait_until(inspector.workers)
    assert (state.pool, [running.name for running in state.running]) == ("webhook", ["process_webhook"] * 2)
    command = [sys.executable, "-m", "celery", "-A", "services.core.queue.app", "inspect", "active"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ATTACKACRACK_REDIS_URL": valkey_server.url}
    shown = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout.count("'name': 'process_webhook'") == 2
    worker.release("go")
    wait_until(lambda: len(worker.events("succeeded")) == 12)
    wait_until(lambda: (inspector.waiting(Queue.WEBHOOKS), inspector.unacked(WEBHOOK)) == (0, 0))
    assert worker.has("child_started")()
    worker.send(signal.SIGTERM)
    worker.ended(within=15)
    assert worker.has("child_stopping")()


@pytest.mark.parametrize("tick", [0.1, 0.001], ids=["while it waits", "while its timers run"])
def test_an_idle_worker_ends_in_order(new_worker: NewWorker, tick: float) -> None:
    worker = new_worker().start("operations", heartbeat_tick=tick)
    worker.send(signal.SIGTERM)
    assert worker.ended(within=60) == 0
    assert not worker.has("ready")()


def test_a_soft_shutdown_lets_a_short_task_end_and_stops_waiting_then(
    new_worker: NewWorker, broker: Broker, inspector: Inspector
) -> None:
    worker = new_worker().start("campaign", soft_shutdown=40)
    broker.enqueue(TaskName.SEND_CAMPAIGN_MESSAGE, ["until:go"])
    wait_until(lambda: worker.events("started"))
    worker.send(signal.SIGTERM)
    wait_until(lambda: "worker.stopping" in (worker.folder / "log").read_text())
    worker.release("go")
    assert worker.ended(within=10) == 0
    assert len(worker.events("succeeded")) == 1
    assert (inspector.waiting(Queue.CAMPAIGNS), inspector.unacked(CAMPAIGN)) == (0, 0)


def test_a_soft_shutdown_gives_running_tasks_back_within_its_time(
    new_worker: NewWorker, broker: Broker, inspector: Inspector
) -> None:
    worker = new_worker().start("webhook", soft_limit=1.5, hard_limit=2, soft_shutdown=2)
    broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [Batch(["hang"])] * 3)
    wait_until(lambda: len(worker.events("started")) == 2)
    worker.send(signal.SIGTERM)
    worker.ended(within=60)
    assert (inspector.waiting(Queue.WEBHOOKS), inspector.unacked(WEBHOOK)) == (3, 0)


def test_a_lost_workers_tasks_are_recovered_by_another_of_its_pool(
    new_worker: NewWorker, broker: Broker, inspector: Inspector
) -> None:
    lost = new_worker("lost").start("webhook", visibility=3)
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["until:never"])
    wait_until(lambda: lost.events("started"))
    survivor = new_worker("survivor").start("webhook", visibility=3)
    survivor.release("never")
    lost.kill_all()
    assert inspector.unacked(WEBHOOK) == 1
    wait_until(lambda: survivor.events("succeeded", "until:never"))
    wait_until(lambda: inspector.unacked(WEBHOOK) == 0)


@pytest.mark.own_valkey
def test_a_worker_outlives_a_broker_that_restarts_under_its_task(
    new_worker: NewWorker, broker: Broker, valkey_server: ValkeyProcess, inspector: Inspector
) -> None:
    """The gate for newer versions: Celery 5.7.0 ends with exit code 1 here, with one task running and one slot free."""
    worker = new_worker().start("webhook")
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["until:go"])
    wait_until(lambda: worker.events("started"))
    valkey_server.kill()
    wait_until(lambda: not worker.has("ready")())
    assert worker.is_running
    valkey_server.start()
    wait_until(worker.has("ready"))
    worker.release("go")
    broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [Batch(["after"])] * 6)
    wait_until(lambda: len(worker.events("succeeded", "after")) == 6)
    wait_until(lambda: worker.events("succeeded", "until:go"))
    wait_until(lambda: (inspector.waiting(Queue.WEBHOOKS), inspector.unacked(WEBHOOK)) == (0, 0))
    assert worker.is_running


@pytest.mark.own_valkey
def test_a_worker_outlives_a_full_broker(new_worker: NewWorker, broker: Broker, redis_client: Redis) -> None:
    worker = new_worker().start("webhook")
    redis_client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(BrokerUnavailable):
            broker.enqueue(TaskName.PROCESS_WEBHOOK, ["refused"])
    finally:
        redis_client.config_set("maxmemory", "0")
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["after"])
    wait_until(lambda: worker.events("succeeded", "after"))
    assert worker.is_running
