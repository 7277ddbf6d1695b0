"""Telemetry of one process, from its start to its end: what is set up together and flushed together."""

from typing import TYPE_CHECKING

from services.core.runtime import tracing
from services.core.runtime.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_spans: "TracerProvider | None" = None


def start_telemetry(settings: Settings) -> "TracerProvider":
    """Begin in this process: after a fork, never before it. Without an endpoint nothing leaves, and spans carry ids."""
    from services.core.runtime.span_export import make_provider  # the SDK: dear to import, and not every verb needs it

    global _spans  # noqa: PLW0603 - one per process, ended by `flush_telemetry`
    _spans = make_provider(settings)
    tracing.use(_spans)
    return _spans


def flush_telemetry() -> None:
    """Send what is left, within seconds; call before the process ends in order."""
    if _spans is not None:
        _spans.shutdown()
