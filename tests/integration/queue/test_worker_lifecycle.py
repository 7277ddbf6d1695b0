import signal
import time
from typing import Any

import pytest

from services.core.queue.names import CAMPAIGN, WEBHOOK, Queue, TaskName

pytestmark = pytest.mark.processes


def test_queued_plus_running_is_what_the_broker_counts(
    new_worker: Any, broker: Any, inspector: Any, eventually: Any
) -> None:
    worker = new_worker().start("webhook")
    broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [["until:go"]] * 12)
    eventually(lambda: len(worker.events("started")) == 2)
    assert (inspector.waiting(Queue.WEBHOOKS), inspector.unacked(WEBHOOK)) == (10, 2)
    [state] = inspector.workers()
    assert (state.pool, [running.name for running in state.running]) == ("webhook", ["process_webhook"] * 2)
    worker.release("go")
    eventually(lambda: len(worker.events("succeeded")) == 12)
    eventually(lambda: (inspector.waiting(Queue.WEBHOOKS), inspector.unacked(WEBHOOK)) == (0, 0))
    assert worker.has("child_started")()
    worker.send(signal.SIGTERM)
    worker.ended(within=15)
    assert worker.has("child_stopping")()
