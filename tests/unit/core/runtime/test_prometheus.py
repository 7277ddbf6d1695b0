"""What Prometheus reads."""

from urllib.request import urlopen

import httpx
import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from services.cli.laptop.ports import free_ports
from services.core.openphone.instruments import SUBMISSIONS
from services.core.queue.instruments import LIMITER_WAIT
from services.core.runtime import metering
from services.core.runtime.prometheus import PrometheusEndpoint
from services.core.usecases.instruments import INSTRUMENTS, WAITING


@pytest.fixture(autouse=True)
def counted() -> None:
    metering.share_table(1, INSTRUMENTS)
    metering.count(SUBMISSIONS, "accepted", by=3)
    metering.show((WAITING, 4, ("due",)))
    with use_span(NonRecordingSpan(SpanContext(5, 7, is_remote=False, trace_flags=TraceFlags(1)))):
        for seconds in (0.2, 0.3, 20):
            metering.observe(LIMITER_WAIT, seconds, "send")


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


def test_who_asks_for_openmetrics_is_shown_the_trace_of_a_recent_measurement() -> None:
    [port] = free_ports(1)
    endpoint = PrometheusEndpoint(host="127.0.0.1", port=port)
    wanted = {"accept": "application/openmetrics-text; version=1.0.0"}
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=wanted).text
    finally:
        endpoint.close()
    shown = {
        sample.labels["le"]: sample.exemplar
        for family in openmetrics.text_string_to_metric_families(text)
        for sample in family.samples
        if sample.exemplar
    }
    assert [(bound, each.value) for bound, each in shown.items()] == [("+Inf", 20)]
    assert shown["+Inf"].labels == {"trace_id": f"{5:032x}", "span_id": f"{7:016x}"}
