"""The collector of `k8s/observability`, between a running demo and a receiver: which traces it keeps, and that it keeps
them whole. It takes otelcol-contrib, or a collector of one's own with the configuration's components, on the PATH.
"""

import os
import shutil
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from services.cli.laptop.ports import free_ports
from services.trace_receiver.server import PROTOBUF, SPANS, Receiver
from services.trace_receiver.store import Traces
from tests.tools.demo_series import ROOT, Demo, running_demo, write_contacts
from tests.tools.waiting import wait_until

PROGRAM = shutil.which("otelcol-contrib")
pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(PROGRAM is None, reason="otelcol-contrib is not installed"),
]

SHIPPED = ROOT / "k8s" / "observability" / "collector.yaml"
RECIPIENTS = 60
SLOW = 5_000_000  # microseconds
MARKER = bytes.fromhex("ff" * 16)

Spans = list[dict[str, Any]]


class Tee(Traces):
    """Keeps every export, and hands it on to the collector."""

    def __init__(self, onward: str) -> None:
        super().__init__()
        self._onward = httpx.Client(base_url=onward, trust_env=False, timeout=30)

    def add(self, export: bytes) -> int:
        self.pass_on(export)
        return super().add(export)

    def close(self) -> None:
        self._onward.close()

    def pass_on(self, export: bytes) -> None:
        self._onward.post(SPANS, content=export, headers={"content-type": PROTOBUF}).raise_for_status()


@dataclass(frozen=True, slots=True)
class Seen:
    """Spans by trace: what the stack sent, and what the collector kept of it."""

    sent: Mapping[str, Spans]
    kept: Mapping[str, Spans]


@contextmanager
def receiving(traces: Traces) -> Iterator[str]:
    with Receiver(("127.0.0.1", 0), traces) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        yield receiver.url
        receiver.shutdown()


@contextmanager
def collector(folder: Path, sink: str) -> Iterator[str]:
    """The shipped configuration but for its addresses; answers where it takes spans."""
    assert PROGRAM is not None
    port, health = free_ports(2)
    config = yaml.safe_load(next(yaml.safe_load_all(SHIPPED.read_text()))["data"]["collector.yaml"])
    config["receivers"]["otlp"]["protocols"]["http"]["endpoint"] = f"127.0.0.1:{port}"
    config["exporters"]["otlphttp/jaeger"]["endpoint"] = sink
    config["extensions"]["health_check"]["endpoint"] = f"127.0.0.1:{health}"
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}
    (folder / "collector.yaml").write_text(yaml.safe_dump(config))
    with (folder / "collector.err").open("wb") as errors:
        process = subprocess.Popen([PROGRAM, f"--config={folder}/collector.yaml"], stderr=errors, env=os.environ)
    try:
        wait_until(lambda: is_healthy(f"http://127.0.0.1:{health}"))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def is_healthy(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """A demo in which the provider fails twice and is slow once, and a worker with texts in its hands is killed."""
    folder = tmp_path_factory.mktemp("collector")
    write_contacts(folder / "contacts.csv", RECIPIENTS)
    kept = Traces()
    with (
        pytest.MonkeyPatch.context() as environment,
        receiving(kept) as sink,
        collector(folder, sink) as address,
        closing(Tee(address)) as sent,
        receiving(sent) as entrance,
    ):
        environment.setenv("ATTACKACRACK_OTLP_ENDPOINT", entrance)
        with running_demo(folder / "data", folder / "contacts.csv") as demo:
            disturb(demo)
            code, _ = demo.result()
        sent.pass_on(marker())  # once it is decided about, so is everything before it
        wait_until(lambda: kept.find(MARKER.hex()), within=300)
    assert code == 0, demo.said()
    return Seen(by_trace(sent.all()), by_trace(kept.all()))


def disturb(demo: Demo) -> None:
    simulator = f"{demo.run_file()['urls']['simulator']}/_simulator"
    for fault in ({"kind": "server_error", "times": 2, "created": 1}, {"kind": "latency", "times": 1, "seconds": 6}):
        httpx.post(f"{simulator}/faults", json=fault, timeout=30).raise_for_status()
    demo.wait_for(lambda: demo.texts() >= RECIPIENTS // 4, 300, "a quarter of the texts")
    worker = demo.run_file()["roles"]["campaign_worker"]
    for pid in (*(child["pid"] for child in worker["children"]), worker["pid"]):
        os.kill(pid, 9)


def marker() -> bytes:
    """A trace of one failed span."""
    now = time.time_ns()
    span = Span(trace_id=MARKER, span_id=MARKER[:8], name="marker", start_time_unix_nano=now, end_time_unix_nano=now)
    span.status.code = Status.STATUS_CODE_ERROR
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])])
    return bytes(request.SerializeToString())


def by_trace(spans: Spans) -> Mapping[str, Spans]:
    found: dict[str, Spans] = defaultdict(list)
    for span in spans:
        found[span["traceID"]].append(span)
    return found


def with_tag(spans: Spans, key: str, *values: object) -> bool:
    return any(tag["key"] == key and tag["value"] in values for span in spans for tag in span["tags"])


def failed(spans: Spans) -> bool:
    return with_tag(spans, "error", True)


def slow(spans: Spans) -> bool:
    return any(span["duration"] > SLOW for span in spans)


def opted_out(spans: Spans) -> bool:
    return with_tag(spans, "attackacrack.opt_out.meaning", "opt_out", "doubtful")


def sent_off_again(spans: Spans) -> bool:
    return with_tag(spans, "attackacrack.message.dispatches", *range(2, 100))


KEPT = (failed, slow, opted_out, sent_off_again)


@pytest.mark.parametrize("rule", KEPT, ids=lambda rule: rule.__name__)
def test_what_matters_is_kept_whole(seen: Seen, rule: Any) -> None:
    matters = {trace_id: spans for trace_id, spans in seen.sent.items() if rule(spans)}
    assert matters, "the demo had none"
    lost = {
        trace_id: (len(seen.kept.get(trace_id, [])), len(spans), sorted({span["operationName"] for span in spans}))
        for trace_id, spans in matters.items()
        if len(seen.kept.get(trace_id, [])) != len(spans)
    }
    assert lost == {}


def test_of_the_rest_a_share_is_kept_whole(seen: Seen) -> None:
    rest = {
        trace_id: spans
        for trace_id, spans in seen.sent.items()
        if not any(rule(spans) for rule in KEPT) and not with_tag(spans, *SKIPPED)
    }
    kept = [trace_id for trace_id in rest if trace_id in seen.kept]
    assert len(rest) > RECIPIENTS
    assert 0 < len(kept) < len(rest) // 2
    assert [trace_id for trace_id in kept if len(seen.kept[trace_id]) != len(rest[trace_id])] == []


SKIPPED = ("attackacrack.gate.decision", "skip")
