"""Read a trace back from where traces are kept: Jaeger's query API, which the laptop's receiver speaks too."""

import json
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5
LARGEST_ANSWER = 64 * 1024 * 1024
OWN_TAGS = ("error", "span.kind", "internal.span.format")


class TracesUnreadable(Exception):
    """The store of traces did not answer, or not as Jaeger does; the text says why."""

    retryable = True


@dataclass(frozen=True, slots=True)
class SpanLink:
    """A span of another trace that this one is connected with."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """A piece of work. `parent_span_id` may name a span that was never received."""

    span_id: str
    parent_span_id: str | None
    name: str
    service: str
    kind: str
    started_at: datetime
    took: timedelta
    failed: bool
    attributes: dict[str, Any]
    links: tuple[SpanLink, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """All that is kept of a trace, by start; times are real time."""

    trace_id: str
    spans: tuple[TraceSpan, ...]


def read_trace(url: str, trace_id: str) -> Trace | None:
    """The trace, `None` when the store at `url` has none of this id. Raises `TracesUnreadable`."""
    document = _get(url, f"/api/traces/{trace_id}")
    try:
        if document is None or not document["data"]:
            return None
        return trace_of(document["data"][0])
    except (KeyError, TypeError, ValueError) as error:
        raise TracesUnreadable("its answer is not one of Jaeger's query API") from error


def trace_of(document: dict[str, Any]) -> Trace:
    """A trace as the query API writes it."""
    services = {key: process["serviceName"] for key, process in document["processes"].items()}
    spans = [_span(span, services[span["processID"]], document["traceID"]) for span in document["spans"]]
    return Trace(document["traceID"], tuple(sorted(spans, key=lambda span: (span.started_at, -span.took))))


def _span(span: dict[str, Any], service: str, trace_id: str) -> TraceSpan:
    tags = {tag["key"]: tag["value"] for tag in span["tags"] or ()}
    references = span["references"] or ()
    parents = [each["spanID"] for each in references if each["refType"] == "CHILD_OF" and each["traceID"] == trace_id]
    links = [each for each in references if each["refType"] != "CHILD_OF" or each["traceID"] != trace_id]
    return TraceSpan(
        span_id=span["spanID"],
        parent_span_id=parents[0] if parents else None,
        name=span["operationName"],
        service=service,
        kind=tags.get("span.kind", "internal"),
        started_at=datetime.fromtimestamp(span["startTime"] / 1e6, UTC),
        took=timedelta(microseconds=span["duration"]),
        failed=bool(tags.get("error", False)),
        attributes={key: value for key, value in tags.items() if key not in OWN_TAGS},
        links=tuple(SpanLink(each["traceID"], each["spanID"]) for each in links),
    )


def _get(url: str, path: str) -> Any:
    """The JSON document there, `None` for 404."""
    address = urlsplit(url)
    host, port = address.hostname or "", address.port
    connection = (
        HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
        if address.scheme == "https"
        else HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    )
    try:
        connection.request("GET", address.path.rstrip("/") + path, headers={"accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read(LARGEST_ANSWER)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise TracesUnreadable(f"it answers {answer.status}")
        return json.loads(body)
    except (OSError, HTTPException, ValueError) as error:
        raise TracesUnreadable(f"it can't be reached: {type(error).__name__}") from error
    finally:
        connection.close()
