"""Spans recorded in this process, and what connects them."""

from datetime import timedelta

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.core.runtime import tracing
from services.core.runtime.settings import Settings
from services.core.runtime.span_export import make_provider


class Recorded:
    """What was exported, by name."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    def names(self) -> list[str]:
        return [span.name for span in self.exporter.get_finished_spans()]

    def __getitem__(self, name: str) -> ReadableSpan:
        [found] = self.all(name)
        return found

    def all(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]


def record(ratio: float = 1) -> Recorded:
    """From now on; `tracing.use(None)` ends it."""
    recorded = Recorded()
    provider = make_provider(Settings(trace_sample_ratio=ratio), flush_within=timedelta(seconds=1))
    provider.add_span_processor(SimpleSpanProcessor(recorded.exporter))
    tracing.use(provider)
    return recorded


def id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}-{span.context.span_id:016x}"


def parent_of(span: ReadableSpan) -> str | None:
    return f"{span.parent.trace_id:032x}-{span.parent.span_id:016x}" if span.parent else None


def links_of(span: ReadableSpan) -> list[str]:
    return [f"{link.context.trace_id:032x}-{link.context.span_id:016x}" for link in span.links]
