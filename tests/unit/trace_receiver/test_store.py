"""The receiver keeps the last traces, within bounds, as Jaeger's query API writes them."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from services.core.runtime.trace_reader import SpanLink, TracesUnreadable, read_trace
from services.trace_receiver.server import Receiver
from services.trace_receiver.store import NotOtlp, Traces


def export(*spans: Span, service: str = "beat") -> bytes:
    resource = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
    resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value=service)))
    return bytes(ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString())


def span(trace: int, number: int = 1, *, parent: int | None = None, **values: Any) -> Span:
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=f"span {number}",
        start_time_unix_nano=1_000_000_000 + number * 1_000_000,
        end_time_unix_nano=1_000_000_000 + number * 1_000_000 + 5_000_000,
        **values,
    )


def trace_id(number: int) -> str:
    return f"{number:032x}"


class TestTraces:
    def test_a_trace_grows_and_a_repeated_span_counts_once(self) -> None:
        traces = Traces()
        assert traces.add(export(span(1, 2, parent=1))) == 1
        assert traces.add(export(span(1, 1), span(1, 2, parent=1))) == 2
        assert [each["operationName"] for each in traces.find(trace_id(1))] == ["span 1", "span 2"]

    @pytest.mark.parametrize("bounds", [{"traces_at_most": 2}, {"spans_at_most": 4}], ids=str)
    def test_the_trace_that_was_added_to_longest_ago_goes_first(self, bounds: dict[str, int]) -> None:
        traces = Traces(**bounds)
        for trace in (1, 2):
            traces.add(export(span(trace, 1), span(trace, 2)))
        traces.add(export(span(1, 1)))
        traces.add(export(span(3, 1), span(3, 2)))
        kept = [trace for trace in (1, 2, 3) if traces.find(trace_id(trace))]
        assert kept == [1, 3]

    def test_nonsense_is_refused(self) -> None:
        with pytest.raises(NotOtlp):
            Traces().add(b"\xff\xff\xff")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(("127.0.0.1", 0), Traces()) as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


class TestReceiver:
    def test_what_goes_in_is_read_back(self, receiver: Receiver) -> None:
        attributes = [
            KeyValue(key="attackacrack.message.id", value=AnyValue(int_value=42)),
            KeyValue(key="error.type", value=AnyValue(string_value="rate_limited")),
        ]
        failed = Status(code=Status.STATUS_CODE_ERROR)
        link = Span.Link(trace_id=(9).to_bytes(16, "big"), span_id=(8).to_bytes(8, "big"))
        kind = Span.SPAN_KIND_CLIENT
        receiver.traces.add(export(span(7, 1, links=[link])))
        child = span(7, 2, parent=1, kind=kind, attributes=attributes, status=failed)
        receiver.traces.add(export(child, service="campaign-worker"))
        found = read_trace(receiver.url, trace_id(7))
        assert found is not None
        root, call = found.spans
        assert (root.parent_span_id, root.service, root.failed) == (None, "beat", False)
        assert root.links == (SpanLink(trace_id(9), f"{8:016x}"),)
        assert (call.parent_span_id, call.service, call.kind) == (root.span_id, "campaign-worker", "client")
        assert (call.failed, call.took) == (True, timedelta(milliseconds=5))
        assert call.attributes == {"attackacrack.message.id": 42, "error.type": "rate_limited"}

    def test_a_trace_that_is_not_there(self, receiver: Receiver) -> None:
        assert read_trace(receiver.url, trace_id(1)) is None

    def test_a_store_that_is_not_there(self) -> None:
        with pytest.raises(TracesUnreadable):
            read_trace("http://127.0.0.1:1", trace_id(1))

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/v1/traces", export(span(1)), 200),
            ("/v1/traces", b"\xff\xff\xff", 400),
            ("/v1/metrics", b"anything", 200),
            ("/", b"", 404),
        ],
    )
    def test_answers(self, receiver: Receiver, path: str, body: bytes, status: int) -> None:
        connection = HTTPConnection("127.0.0.1", receiver.server_port, timeout=10)
        connection.request("POST", path, body)
        answer = connection.getresponse()
        assert answer.status == status
        text = answer.read()
        assert not text or json.loads(text)["errors"]
        connection.close()
