"""What Prometheus reads, and what a collector is sent."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.request import urlopen

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span
from prometheus_client.parser import text_string_to_metric_families

from services.cli.laptop.ports import free_ports
from services.core.runtime import metering
from services.core.runtime.otlp_metrics import Pusher
from services.core.runtime.prometheus import PrometheusEndpoint
from services.core.runtime.telemetry import LIMITER_WAIT, SUBMISSIONS, WAITING


@pytest.fixture(autouse=True)
def counted() -> Iterator[None]:
    metering.share_table(1)
    metering.count(SUBMISSIONS, "accepted", by=3)
    metering.show((WAITING, 4, ("due",)))
    with use_span(NonRecordingSpan(SpanContext(5, 7, is_remote=False, trace_flags=TraceFlags(1)))):
        for seconds in (0.2, 0.3, 20):
            metering.observe(LIMITER_WAIT, seconds, "send")
    yield
    metering.share_table(1)


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportMetricsServiceRequest]]]:
    """A collector's address, and what it was sent."""
    received: list[ExportMetricsServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/metrics":
                received.append(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    server.server_close()


def test_prometheus_reads_each_kind() -> None:
    [port] = free_ports(1)
    endpoint = PrometheusEndpoint(host="127.0.0.1", port=port)
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text = answer.read().decode()
    finally:
        endpoint.close()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["attackacrack_messages_submissions_total", ("outcome", "accepted")] == 3
    assert samples["attackacrack_waiting", ("what", "due")] == 4
    buckets = "attackacrack_limiter_wait_seconds_bucket"
    assert samples[buckets, ("kind", "send"), ("le", "0.25")] == 1
    assert samples[buckets, ("kind", "send"), ("le", "10")] == 2
    assert samples[buckets, ("kind", "send"), ("le", "+Inf")] == 3
    assert samples["attackacrack_limiter_wait_seconds_sum", ("kind", "send")] == 20.5


def test_a_port_that_is_taken_costs_the_metrics_only() -> None:
    [port] = free_ports(1)
    first = PrometheusEndpoint(host="127.0.0.1", port=port)
    PrometheusEndpoint(host="127.0.0.1", port=port).close()
    first.close()


def test_a_collector_is_sent_the_same_with_exemplars(
    collector: tuple[str, list[ExportMetricsServiceRequest]],
) -> None:
    address, received = collector
    assert Pusher(address, Resource({"service.name": "campaign-worker"})).push()
    [resource] = received[0].resource_metrics
    metrics = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    counted = {
        point.attributes[0].value.string_value: point.as_double
        for point in metrics["attackacrack.messages.submissions"].sum.data_points
    }
    assert counted["accepted"] == 3
    [waited] = metrics["attackacrack.limiter.wait"].histogram.data_points
    assert (waited.count, waited.sum, list(waited.bucket_counts)[-1]) == (3, 20.5, 1)
    [exemplar] = waited.exemplars
    assert int.from_bytes(exemplar.trace_id) == 5
    assert int.from_bytes(exemplar.span_id) == 7


def test_a_collector_that_is_not_there_costs_nothing_but_a_line() -> None:
    [port] = free_ports(1)
    pusher = Pusher(f"http://127.0.0.1:{port}", Resource({}))
    assert not pusher.push()
