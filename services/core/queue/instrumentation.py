"""Celery's own instrumentation in a pool process: a consumer span for each task, under what its header carries.

Tasks are published by `enqueue`, which makes its own producer spans, so of Celery's only retries come through here.
Its histogram is not wanted: it would count per task and host.
"""

from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import TracerProvider


def trace_tasks(tracer_provider: TracerProvider) -> None:
    """Call once in each pool process, after its fork."""
    instrumentor = CeleryInstrumentor()  # type: ignore[no-untyped-call]
    instrumentor.instrument(tracer_provider=tracer_provider, meter_provider=NoOpMeterProvider(), skip_dep_check=True)
