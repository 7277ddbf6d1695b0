"""Spans of real workers: one trace from publisher to worker and through retries, and none lost by an orderly end."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry import trace

from services.core.queue.enqueue import Batch, Broker, BrokerUnavailable
from services.core.queue.names import TaskName
from services.core.runtime import tracing
from services.core.runtime.settings import Settings
from services.core.runtime.span_export import make_provider
from services.trace_receiver.server import Receiver
from services.trace_receiver.store import Traces
from tests.conftest import ValkeyProcess
from tests.integration.queue.conftest import NewWorker
from tests.tools.waiting import wait_until

pytestmark = pytest.mark.processes

RUN, SEND = "run/process_webhook", "send webhooks"
TASKS = 40


class Received:
    """What a receiver got from the processes of a test."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    def named(self, name: str) -> list[dict[str, Any]]:
        return [span for span in self._traces.all() if span["operationName"] == name]

    def runs(self) -> int:
        return len(self.named(RUN))


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    """A receiver that this process and the workers it starts export to."""
    with Receiver(("127.0.0.1", 0), Traces()) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        monkeypatch.setenv("ATTACKACRACK_OTLP_ENDPOINT", receiver.url)
        provider = make_provider(Settings(otlp_endpoint=receiver.url), flush_within=timedelta(seconds=1))
        tracing.use(provider)
        yield Received(receiver.traces)
        tracing.use(None)
        provider.shutdown()
        receiver.shutdown()


def publish(broker: Broker, count: int) -> None:
    broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [Batch([str(number)]) for number in range(count)])


def parents(span: dict[str, Any]) -> list[str]:
    return [each["spanID"] for each in span["references"] if each["refType"] == "CHILD_OF"]


def test_recycled_children_lose_no_span(
    broker: Broker, new_worker: NewWorker, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKS_PER_CHILD", "5")
    publish(broker, TASKS)
    worker = new_worker().start("webhook")
    wait_until(lambda: len(worker.events("succeeded")) == TASKS)
    assert len({line["pid"] for line in worker.events("succeeded")}) >= TASKS // 5
    worker.send(signal.SIGTERM)
    assert worker.ended(within=60) == 0
    assert received.runs() == TASKS


def test_an_ended_worker_loses_no_span(broker: Broker, new_worker: NewWorker, received: Received) -> None:
    worker = new_worker().start("webhook")
    publish(broker, TASKS)
    wait_until(lambda: len(worker.events("succeeded")) == TASKS)
    worker.send(signal.SIGTERM)
    assert worker.ended(within=60) == 0
    assert received.runs() == TASKS


def test_a_killed_worker_loses_only_what_it_had_not_sent(
    broker: Broker, new_worker: NewWorker, received: Received
) -> None:
    worker = new_worker().start("webhook")
    publish(broker, TASKS)
    wait_until(lambda: received.runs() == TASKS)
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["until:never"])
    wait_until(lambda: len(worker.events("started")) == TASKS + 1)
    worker.kill_all()
    assert received.runs() == TASKS


def test_one_trace_from_the_publisher_through_a_retry(
    broker: Broker, new_worker: NewWorker, received: Received
) -> None:
    new_worker().start("webhook")
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["heal:healed"])
    wait_until(lambda: received.runs() == 2 and received.named(SEND))
    [send] = received.named(SEND)
    first, again = sorted(received.named(RUN), key=lambda span: span["startTime"])
    wait_until(lambda: received.named("apply_async/process_webhook"))
    [retry] = received.named("apply_async/process_webhook")
    assert [parents(span) for span in (send, first, retry, again)] == [
        [],
        [send["spanID"]],
        [first["spanID"]],
        [retry["spanID"]],
    ]
    assert len({span["traceID"] for span in (send, first, retry, again)}) == 1


@pytest.mark.parametrize("order", ["refuse", "fail"])
def test_a_failing_task_leaves_no_words_of_its_error(
    broker: Broker, new_worker: NewWorker, received: Received, order: str
) -> None:
    worker = new_worker().start("webhook")
    broker.enqueue(TaskName.PROCESS_WEBHOOK, [f"{order}:+12125550100"])
    wait_until(lambda: worker.events("gave_up"))
    wait_until(lambda: received.runs() == len(worker.events("started")))
    assert "5550100" not in json.dumps([received.named(RUN), received.named("apply_async/process_webhook")])


@pytest.mark.parametrize(
    ("batch", "is_parent"),
    [
        pytest.param(lambda traces: Batch(["a"], traces[:1]), True, id="one row: its trace goes on"),
        pytest.param(lambda traces: Batch(["a", "b"], traces), False, id="two rows: linked to both"),
    ],
)
def test_the_publishers_span(
    broker: Broker, received: Received, batch: Callable[[list[str]], Batch], is_parent: bool
) -> None:
    traces = [tracing.new_trace(kept=1) for _ in range(2)]
    broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [batch(traces)])
    wait_until(lambda: received.named(SEND))
    [send] = received.named(SEND)
    kind = "CHILD_OF" if is_parent else "FOLLOWS_FROM"
    expected = {tracing.trace_id_of(each) for each in (traces[:1] if is_parent else traces)}
    assert {each["traceID"] for each in send["references"] if each["refType"] == kind} == expected


@pytest.mark.own_valkey
def test_a_publish_that_fails_leaves_no_span_behind(
    broker: Broker, received: Received, valkey_server: ValkeyProcess
) -> None:
    valkey_server.stop()
    with pytest.raises(BrokerUnavailable):
        broker.enqueue(TaskName.PROCESS_WEBHOOK, ["1"])
    assert not trace.get_current_span().get_span_context().is_valid
    wait_until(lambda: received.named(SEND))
    [send] = received.named(SEND)
    assert {"key": "error.type", "type": "string", "value": "ConnectionError"} in send["tags"]


def test_a_dead_collector_stops_neither_the_work_nor_its_end(
    broker: Broker, new_worker: NewWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTACKACRACK_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("TASKS_PER_CHILD", "10")
    worker = new_worker().start("webhook")
    publish(broker, TASKS)
    wait_until(lambda: len(worker.events("succeeded")) == TASKS)
    worker.send(signal.SIGTERM)
    assert worker.ended(within=60) == 0
