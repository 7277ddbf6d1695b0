"""The trace of what somebody does at the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.core.runtime.settings import Settings

FLUSH_WITHIN = timedelta(seconds=1)
"""A person waits no longer than that for a collector that does not answer."""


@contextmanager
def traced(act: str, configured: "Settings") -> Iterator[None]:
    """The span of somebody's act, to which what it brings about is linked. Who only looks pays nothing for it."""
    if not configured.otlp_endpoint:
        yield
        return
    from services.core.runtime import tracing
    from services.core.runtime.exporting import flush_telemetry, start_telemetry
    from services.core.runtime.telemetry import SpanName

    start_telemetry(configured, flush_within=FLUSH_WITHIN)
    try:
        with tracing.span(f"{SpanName.COMMAND} {act}"):
            yield
    finally:
        flush_telemetry()
