"""Telemetry of one process, from its start to its end: what is set up together and flushed together.

Spans are a process's own; metrics are a role's, counted by all its processes and exported by the first one. The SDK and
Prometheus's client are imported where they are used: they are dear to import, and not every verb needs them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from services.core.runtime import metering, tracing
from services.core.runtime.settings import Settings
from services.core.runtime.telemetry import Instrument

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from services.core.runtime.prometheus import PrometheusEndpoint

_spans: "TracerProvider | None" = None
_endpoint: "PrometheusEndpoint | None" = None


FLUSH_WITHIN = timedelta(seconds=3)


def start_telemetry(settings: Settings, *, flush_within: timedelta = FLUSH_WITHIN) -> "TracerProvider":
    """Begin in this process: after a fork, never before it. Without an endpoint nothing leaves, and spans carry ids.

    The end waits `flush_within` at most for what is still to be sent.
    """
    from services.core.runtime.span_export import make_provider

    global _spans  # noqa: PLW0603 - one per process, ended by `flush_telemetry`
    _spans = make_provider(settings, flush_within=flush_within)
    tracing.use(_spans)
    return _spans


def flush_telemetry() -> None:
    """Send what is left, within seconds; call before the process ends in order."""
    if _spans is not None:
        _spans.shutdown()


@contextmanager
def exported_metrics(settings: Settings, instruments: Sequence[Instrument], *, children: int = 0) -> Iterator[None]:
    """Count these for this process and so many pool processes, and serve while inside; begin before the first fork."""
    metering.share_table(1 + children, instruments)
    endpoint = _serve(settings)
    try:
        yield
    finally:
        if endpoint is not None:
            endpoint.close()


def join_metrics(child: int) -> None:
    """Count as the pool process of this number, from 0: its row is continued by the process that replaces it."""
    if _endpoint is not None:
        _endpoint.let_go()
    metering.take_row(1 + child)


def _serve(settings: Settings) -> "PrometheusEndpoint | None":
    global _endpoint  # noqa: PLW0603 - one per role; its forks let go of it
    if not settings.metrics_port:
        return None
    from services.core.runtime.prometheus import PrometheusEndpoint

    _endpoint = PrometheusEndpoint(host=settings.bind_host, port=settings.metrics_port)
    return _endpoint
