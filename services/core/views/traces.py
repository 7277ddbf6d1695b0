"""Traces, and a message's story with its own."""

from datetime import datetime, timedelta
from typing import Any

from services.core.views.messages import Explanation
from services.core.views.values import View, example


class SpanLink(View):
    trace_id: str
    span_id: str


class TraceSpan(View):
    """A piece of work; `parent_span_id` may name a span that was never received."""

    span_id: str
    parent_span_id: str | None
    name: str
    service: str
    kind: str
    started_at: datetime
    took: timedelta
    failed: bool
    attributes: dict[str, Any]
    links: list[SpanLink]


class Trace(View):
    """All that is kept of a trace, by start; times are real time."""

    model_config = example(
        {
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "spans": [
                {
                    "span_id": "00f067aa0ba902b7",
                    "parent_span_id": None,
                    "name": "message.dispatch",
                    "service": "beat",
                    "kind": "internal",
                    "started_at": "2026-03-02T18:00:00.012Z",
                    "took": "PT0.004S",
                    "failed": False,
                    "attributes": {"attackacrack.message.id": 42},
                    "links": [{"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}],
                }
            ],
        }
    )

    trace_id: str
    spans: list[TraceSpan]


class TracedExplanation(Explanation):
    """The explanation with what is kept of the message's trace, if anything is."""

    trace: Trace | None
