"""Traces: set up once per process, started from and written to the `traceparent` that rows and tasks carry.

Waiting in the database breaks every call chain, so each row keeps the W3C `traceparent` it was made under, and
whoever goes on with it starts from there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.core.runtime.settings import Settings
from services.core.runtime.telemetry import SCOPE, SpanName

EXPORT_EVERY_MILLISECONDS = 1000
PROPAGATOR = TraceContextTextMapPropagator()

_provider: TracerProvider | None = None


def start(settings: Settings) -> None:
    """Begin tracing in this process: after a fork, never before it. Without an endpoint spans only carry ids."""
    global _provider  # noqa: PLW0603 - one provider per process, ended by `stop`
    _provider = TracerProvider(
        resource=Resource.create({"service.name": settings.service_name, "service.namespace": settings.installation}),
        sampler=ParentBasedTraceIdRatio(settings.trace_sample_ratio),
    )
    if settings.otlp_endpoint:
        exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
        _provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=EXPORT_EVERY_MILLISECONDS))


def stop() -> None:
    """Send what is left; call before the process ends in order."""
    if _provider is not None:
        _provider.shutdown()


@contextmanager
def span(
    name: SpanName, *, parent: str | None = None, links: tuple[str | None, ...] = (), **attributes: Any
) -> Iterator[str]:
    """A span under the `parent` traceparent (or the current span), linked to others; yields its own traceparent."""
    carrier = {"traceparent": parent} if parent else {}
    context = PROPAGATOR.extract(carrier, context=otel_context.get_current())
    tracer = (_provider or trace.get_tracer_provider()).get_tracer(SCOPE)
    linked = [Link(found) for found in map(_span_context, links) if found is not None]
    with tracer.start_as_current_span(
        name, context=context, kind=SpanKind.INTERNAL, links=linked, attributes=attributes
    ):
        yield traceparent() or ""


def traceparent() -> str | None:
    """The current span as a W3C `traceparent`, to be kept in a row or sent with a task."""
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


def _span_context(parent: str | None) -> trace.SpanContext | None:
    if parent is None:
        return None
    found = trace.get_current_span(PROPAGATOR.extract({"traceparent": parent})).get_span_context()
    return found if found.is_valid else None
