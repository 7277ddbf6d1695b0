"""Spans on their way out: a dead, slow or wrong endpoint blocks nobody, holds little, and is one line a minute."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags
from structlog.testing import capture_logs

from services.cli.laptop.ports import free_ports
from services.core.runtime import span_export, tracing
from services.core.runtime.settings import Settings
from services.core.runtime.span_export import SpanQueue, make_provider, resource_of
from services.trace_receiver.server import Receiver
from services.trace_receiver.store import Traces
from tests.tools.waiting import wait_until

SENT = 5 * span_export.WAITING_AT_MOST


class Refusing(BaseHTTPRequestHandler):
    """A web server, but no collector."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_error(404)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def endpoints() -> Iterator[dict[str, str]]:
    """Addresses that don't do what they should."""
    wrong = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=wrong.serve_forever, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        yield {
            "dead": f"http://127.0.0.1:{free_ports(1)[0]}",
            "silent": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "wrong": f"http://127.0.0.1:{wrong.server_port}",
            "no such name": "http://nowhere.invalid:4318",
        }
    wrong.shutdown()
    wrong.server_close()


@pytest.fixture
def provided() -> Iterator[Callable[[str], None]]:
    """Makes this process's spans go to an address."""
    providers = []

    def use(url: str) -> None:
        providers.append(make_provider(Settings(otlp_endpoint=url), flush_within=timedelta(seconds=1)))
        tracing.use(providers[-1])

    yield use
    tracing.use(None)
    for provider in providers:
        provider.shutdown()


@pytest.mark.parametrize("kind", ["dead", "silent", "wrong", "no such name"])
def test_nothing_waits_for_a_bad_endpoint(
    kind: str, endpoints: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_export, "EVERY", timedelta(milliseconds=10))
    with capture_logs() as lines:
        provider = make_provider(Settings(otlp_endpoint=endpoints[kind]), flush_within=timedelta(seconds=1))
        tracing.use(provider)
        for _ in range(SENT):  # were each to wait for its answer, the test's time would be over long before
            with tracing.span("work"):
                pass
        provider.shutdown()
    tracing.use(None)
    said = [line for line in lines if line["event"] == "telemetry.spans_not_sent"]
    assert len(said) <= 2, "one when it began to fail, one when it was given up"
    assert said[-1]["lost"] + said[-1]["waiting"] == SENT
    assert [line for line in lines if line["event"] != "telemetry.spans_not_sent"] == []


class Deaf(SpanExporter):
    """An exporter that never succeeds, and counts."""

    def __init__(self) -> None:
        self.tries = 0

    def export(self, _spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.tries += 1
        logging.getLogger(span_export.EXPORTER_LOGS).error("try %s", self.tries)
        return SpanExportResult.FAILURE


def a_span() -> ReadableSpan:
    return ReadableSpan("a span", context=SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)))


def test_only_so_many_wait_and_the_oldest_give_way() -> None:
    queue = SpanQueue(Deaf(), flush_within=timedelta(0))
    spans = [a_span() for _ in range(span_export.WAITING_AT_MOST + 100)]
    for each in spans:
        queue.on_end(each)
    assert list(queue._waiting) == spans[100:]
    queue.shutdown()


def test_it_says_so_once_a_minute_with_the_last_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_export, "EVERY", timedelta(milliseconds=1))
    monkeypatch.setattr(span_export, "TRIES", 1_000_000)  # it must not be given up between two of our looks
    deaf = Deaf()
    with capture_logs() as lines:
        queue = SpanQueue(deaf, flush_within=timedelta(seconds=5))
        queue.on_end(a_span())
        wait_until(lambda: deaf.tries >= 4)
        assert [line["reason"] for line in lines] == ["try 1"]
        monkeypatch.setattr(span_export, "SAY_EVERY", timedelta(0))
        wait_until(lambda: len(lines) >= 2)
        queue.shutdown()


def test_what_is_pushed_out_while_a_batch_is_given_up_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_export, "EVERY", timedelta(days=1))  # so that only the flush wakes it
    monkeypatch.setattr(span_export, "TRIES", 1)
    monkeypatch.setattr(span_export, "WAITING_AT_MOST", 3)
    queue = SpanQueue(Deaf(), flush_within=timedelta(seconds=5))
    forget, ended = queue._forget, [a_span()]

    def forget_while_others_end(batch: list[ReadableSpan]) -> int:
        taken = forget(batch)
        for _ in range(10):
            ended.append(a_span())
            queue.on_end(ended[-1])
        return taken

    monkeypatch.setattr(queue, "_forget", forget_while_others_end)
    queue.on_end(ended[0])
    with capture_logs() as lines:
        queue.shutdown()
    assert lines[-1]["lost"] == len(ended) > 10


def test_a_collector_that_comes_back_gets_what_waited(
    provided: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_export, "EVERY", timedelta(milliseconds=10))
    monkeypatch.setattr(span_export, "TRIES", 1000)
    [port] = free_ports(1)
    with capture_logs() as lines:
        provided(f"http://127.0.0.1:{port}")
        with tracing.span("early"):
            pass
        wait_until(lambda: any(line["event"] == "telemetry.spans_not_sent" for line in lines))
        traces = Traces()
        with Receiver(("127.0.0.1", port), traces) as receiver:
            threading.Thread(target=receiver.serve_forever, daemon=True).start()
            wait_until(lambda: [span["operationName"] for span in traces.all()] == ["early"])
            wait_until(lambda: any(line["event"] == "telemetry.spans_sent_again" for line in lines))
            receiver.shutdown()


def test_the_pods_own_attributes_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=beat-0,service.instance.id=beat-0,service.version=9")
    attributes = resource_of(Settings(service_name="beat", installation="texts")).attributes
    assert attributes["service.name"] == "beat"
    assert attributes["service.namespace"] == "texts"
    assert attributes["service.instance.id"] == attributes["k8s.pod.name"] == "beat-0"
    assert attributes["service.version"] == "9"
