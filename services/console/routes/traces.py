"""Traces, read back from where they are kept."""

from typing import Annotated

from fastapi import Path

from services.console.dependencies import InContext, requires
from services.console.endpoints import api_router, verb
from services.core.domain.access import Role
from services.core.usecases.messages import trace
from services.core.views import traces as views

router = api_router()

TraceId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


@router.get("/traces/{trace_id}", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("traces show"))
def show_trace(context: InContext, trace_id: TraceId) -> views.Trace:
    """All that is kept of a trace: its spans, with the traces they are linked to."""
    return trace.show_trace(context, trace_id)
