"""Traces, read back from where they are kept."""

from typing import Annotated

from fastapi import Path

from services.console.endpoints import Endpoint, InContext
from services.core.domain.access import Role
from services.core.usecases.messages import trace
from services.core.views import traces as views

TraceId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


def show_trace(context: InContext, trace_id: TraceId) -> views.Trace:
    """All that is kept of a trace: its spans, with the traces they are linked to."""
    return trace.show_trace(context, trace_id)


ENDPOINTS = (
    Endpoint(
        verb="traces show",
        method="GET",
        path="/traces/{trace_id}",
        role=Role.VIEWER,
        handler=show_trace,
        answer=views.Trace,
    ),
)
