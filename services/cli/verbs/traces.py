"""Traces, drawn."""

from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from services.cli.verb import verb
from services.cli.waterfall import Waterfall

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views.traces import Trace

TRACE_ID = r"[0-9a-f]{32}"

group = typer.Typer(help="Traces: what happened to a message, a webhook or an act, span by span.", no_args_is_help=True)


def _drawn(trace: "Trace", _zone: ZoneInfo) -> list[Waterfall]:
    return [Waterfall(trace)]


@verb(group, "show", show=_drawn)
def show(context: "Context", trace: Annotated[str, typer.Argument(metavar="TRACE_ID", show_default=False)]) -> "Trace":
    """A trace as a waterfall; ids are in messages why, in dead-letters list and in every log line.

    Example: attackacrack traces show 4bf92f3577b34da6a3ce929d0e0e4736
    """
    import re

    from services.core.usecases.messages.trace import show_trace

    if not re.fullmatch(TRACE_ID, trace):
        raise typer.BadParameter("a trace id is 32 hexadecimal digits")
    return show_trace(context, trace)
