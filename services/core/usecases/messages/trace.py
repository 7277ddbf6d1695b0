"""Show a trace: a message's, a webhook's, or that of somebody's act."""

from services.core.domain.failures import NotFound, RefusedInput
from services.core.runtime.trace_reader import read_trace
from services.core.usecases.context import Context
from services.core.usecases.messages.explain import explain_message
from services.core.views.traces import Trace, TracedExplanation


def show_trace(context: Context, trace_id: str) -> Trace:
    """Raises `NotFound`, `RefusedInput` where no store of traces is set, or `TracesUnreadable`."""
    found = _read(context, trace_id)
    if found is None:
        raise NotFound("trace", trace_id)
    return found


def explain_with_trace(context: Context, message_id: int) -> TracedExplanation:
    """As `explain_message`, and raises as `show_trace`, but for a trace that isn't kept."""
    explained = explain_message(context, message_id)
    trace = _read(context, explained.trace_id) if explained.trace_id and explained.trace_kept else None
    return TracedExplanation.of(explained, trace=trace)


def _read(context: Context, trace_id: str) -> Trace | None:
    url = context.settings.trace_query_url
    if not url:
        detail = "nothing is set where traces are kept: ATTACKACRACK_TRACE_QUERY_URL names Jaeger's query address"
        raise RefusedInput("traces_not_kept", detail)
    found = read_trace(url, trace_id)
    return Trace.of(found) if found is not None else None
