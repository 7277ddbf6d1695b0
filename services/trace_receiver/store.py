"""The last traces, in memory, as Jaeger's query API writes them: so that one reader reads both."""

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

TRACES_AT_MOST = 5_000
SPANS_AT_MOST = 50_000
KINDS = {
    Span.SPAN_KIND_SERVER: "server",
    Span.SPAN_KIND_CLIENT: "client",
    Span.SPAN_KIND_PRODUCER: "producer",
    Span.SPAN_KIND_CONSUMER: "consumer",
}

Document = dict[str, Any]


class NotOtlp(ValueError):
    """The bytes are no OTLP export of spans."""


class Traces:
    """Spans by trace; when there are too many, the traces that were added to longest ago go first."""

    def __init__(self, *, traces_at_most: int = TRACES_AT_MOST, spans_at_most: int = SPANS_AT_MOST) -> None:
        self._traces: OrderedDict[str, dict[str, Document]] = OrderedDict()
        self._spans = 0
        self._traces_at_most = traces_at_most
        self._spans_at_most = spans_at_most
        self._lock = Lock()

    def add(self, export: bytes) -> int:
        """Take an `ExportTraceServiceRequest`; how many spans were in it. Raises `NotOtlp`."""
        try:
            request = ExportTraceServiceRequest.FromString(export)
        except DecodeError as error:
            raise NotOtlp(str(error)) from error
        received = [
            _span(span, resource.resource.attributes)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            for span in received:
                self._keep(span)
        return len(received)

    def find(self, trace_id: str) -> list[Document]:
        """The trace's spans by their start; none when it isn't kept, or not any more."""
        with self._lock:
            spans = list(self._traces.get(trace_id, {}).values())
        return sorted(spans, key=lambda span: span["startTime"])

    def all(self) -> list[Document]:
        """Every span that is kept."""
        with self._lock:
            return [span for spans in self._traces.values() for span in spans.values()]

    def _keep(self, span: Document) -> None:
        spans = self._traces.setdefault(span["traceID"], {})
        self._traces.move_to_end(span["traceID"])
        self._spans += span["spanID"] not in spans
        spans[span["spanID"]] = span
        while len(self._traces) > self._traces_at_most or (self._spans > self._spans_at_most and len(self._traces) > 1):
            _, dropped = self._traces.popitem(last=False)
            self._spans -= len(dropped)


def _span(span: Span, resource: Iterable[KeyValue]) -> Document:
    """One span as Jaeger answers it; times are microseconds. Its process is written into it."""
    trace_id = span.trace_id.hex()
    references = [_reference("CHILD_OF", trace_id, span.parent_span_id.hex())] if span.parent_span_id else []
    references += [_reference("FOLLOWS_FROM", link.trace_id.hex(), link.span_id.hex()) for link in span.links]
    tags = _tags(span.attributes)
    if span.kind in KINDS:
        tags.append({"key": "span.kind", "type": "string", "value": KINDS[span.kind]})
    if span.status.code == Status.STATUS_CODE_ERROR:
        tags.append({"key": "error", "type": "bool", "value": True})
    process = {tag["key"]: tag["value"] for tag in _tags(resource)}
    return {
        "traceID": trace_id,
        "spanID": span.span_id.hex(),
        "operationName": span.name,
        "references": references,
        "startTime": span.start_time_unix_nano // 1000,
        "duration": (span.end_time_unix_nano - span.start_time_unix_nano) // 1000,
        "tags": tags,
        "logs": [
            {"timestamp": event.time_unix_nano // 1000, "fields": _tags(event.attributes), "name": event.name}
            for event in span.events
        ],
        "process": {
            "serviceName": process.pop("service.name", ""),
            "tags": [{"key": key, "type": "string", "value": str(value)} for key, value in process.items()],
        },
    }


def _reference(kind: str, trace_id: str, span_id: str) -> Document:
    return {"refType": kind, "traceID": trace_id, "spanID": span_id}


def _tags(attributes: Iterable[KeyValue]) -> list[Document]:
    return [_tag(attribute.key, attribute.value) for attribute in attributes]


def _tag(key: str, value: AnyValue) -> Document:
    match value.WhichOneof("value"):
        case "bool_value":
            return {"key": key, "type": "bool", "value": value.bool_value}
        case "int_value":
            return {"key": key, "type": "int64", "value": value.int_value}
        case "double_value":
            return {"key": key, "type": "float64", "value": value.double_value}
        case "array_value":
            values = [_tag(key, each)["value"] for each in value.array_value.values]
            return {"key": key, "type": "string", "value": str(values)}
        case _:
            return {"key": key, "type": "string", "value": value.string_value}
