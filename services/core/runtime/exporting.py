"""Telemetry of one process, from its start to its end: what is set up together and flushed together."""

from services.core.runtime import tracing
from services.core.runtime.settings import Settings


def start_telemetry(settings: Settings) -> None:
    """Begin in this process: after a fork, never before it. Without an endpoint nothing leaves, and spans carry ids."""
    tracing.start(settings)


def flush_telemetry() -> None:
    """Send what is left; call before the process ends in order."""
    tracing.stop()
