"""Product time, which moves only while the provider is the simulator."""

import os
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.values import read_duration, read_instant
from services.cli.verb import SOMEBODY, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import installation as views

group = typer.Typer(help="Product time: windows, caps and due dates go by it.", no_args_is_help=True)


@verb(group, "show")
def show(context: "Context") -> "views.Clock":
    """Product time, the database's own time, and the offset between them.

    Example: attackacrack clock show
    """
    from services.core.usecases.operations.clock import read_clock

    return read_clock(context)


@verb(group, "move")
def move(
    context: "Context",
    to: Annotated[str | None, typer.Option("--to", help="To an instant, ISO 8601 with its offset.")] = None,
    to_next_opening: Annotated[
        bool, typer.Option("--to-next-opening", help="To the next opening of the business window.")
    ] = False,
    by: Annotated[str | None, typer.Option("--by", help="By a duration, ISO 8601: PT1H.")] = None,
) -> "views.Clock":
    """Move product time forward, ours and the simulator's. With a real provider it is refused.

    Example: attackacrack clock move --by PT1H
    """
    from services.core.usecases.operations.clock import move_clock, read_clock

    if sum(map(bool, (to, to_next_opening, by))) != 1:
        raise typer.BadParameter("name one of --to, --to-next-opening and --by")
    target = _target(context, read_clock(context).product_now, to=to, by=by)
    return move_clock(context, target, by=os.environ.get("USER", SOMEBODY))


def _target(context: "Context", now: datetime, *, to: str | None, by: str | None) -> datetime:
    from services.core.domain.sending_window import next_window_opening

    if by is not None:
        return now + read_duration(by)
    return read_instant(to) if to is not None else next_window_opening(context.window, now)
