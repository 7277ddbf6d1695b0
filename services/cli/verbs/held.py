"""Held messages: evidence first, then a named person's decision with its reason."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import listing, record, rows_table
from services.cli.verb import After, Id, Limit, Reason, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context

PATIENCE = 15.0
SHORTLY = timedelta(seconds=1)

Person = Annotated[str, typer.Option("--by", help="Who decides, by name.")]

group = typer.Typer(help="Messages that nobody can prove to have left, or not.", no_args_is_help=True)


def _evidence(result: Any, zone: ZoneInfo) -> list[Any]:
    shown: list[Any] = [*record(result, zone)]
    for attempt in result.attempts:
        if attempt.looks:
            shown.append(f"attempt {attempt.number}, looks at the provider's list:")
            shown.append(rows_table(attempt.looks, ("at", "listed", "candidates", "control_seen"), zone))
    return shown


@verb(group, "list", show=listing("message_id", "campaign_id", "e164", "reason", "risk"))
def list_(context: "Context", limit: Limit = 100, after: After = 0) -> Any:
    """Held messages by id, with what a release would risk.

    Example: attackacrack held list
    """
    from services.core.usecases.held_verbs import list_held

    return list_held(context, after=after, limit=limit)


@verb(group, "show", show=_evidence)
def show(context: "Context", message: Id) -> Any:
    """The evidence: attempts, their outcomes, and every look at the provider's list.

    Example: attackacrack held show 42
    """
    from services.core.usecases.held_verbs import show_held

    return show_held(context, message)


@verb(group, "release", show=_evidence)
def release(
    context: "Context",
    message: Id,
    by: Person,
    reason: Reason,
    second: Annotated[str | None, typer.Option("--second", help="Who agrees; needed above fifty a day.")] = None,
) -> Any:
    """Send it after all: only if the provider's list, asked once more now, still does not show it.

    Example: attackacrack held release 42 --by maria --reason "called her: nothing came"
    """
    from services.core.usecases import held_verbs

    _show_first(context, message)
    return _when_free(lambda: held_verbs.release(context, message, by=by, reason=reason, second=second))


@verb(group, "bind", show=_evidence)
def bind(
    context: "Context",
    message: Id,
    provider_message_id: Annotated[str, typer.Argument(show_default=False)],
    by: Person,
    reason: Reason,
) -> Any:
    """Say which of the provider's messages it is: then it was sent.

    Example: attackacrack held bind 42 MSG123 --by maria --reason "same text, seen in the app"
    """
    from services.core.usecases import held_verbs

    _show_first(context, message)
    return _when_free(lambda: held_verbs.bind(context, message, provider_message_id, by=by, reason=reason))


@verb(group, "cancel", show=_evidence)
def cancel(context: "Context", message: Id, by: Person, reason: Reason) -> Any:
    """Leave it at that: it is never sent again.

    Example: attackacrack held cancel 42 --by maria --reason "the offer is over"
    """
    from services.core.usecases import held_verbs

    _show_first(context, message)
    return held_verbs.cancel(context, message, by=by, reason=reason)


def _show_first(context: "Context", message_id: int) -> None:
    """Put the evidence before the person, beside the result that follows."""
    from rich.console import Console

    from services.core.usecases.held_verbs import show_held

    screen = Console(stderr=True, highlight=False, width=200)
    for part in _evidence(show_held(context, message_id), ZoneInfo(context.settings.business_zone)):
        screen.print(part)


def _when_free(act: Callable[[], Any]) -> Any:
    """Do what asks the provider as soon as the shared rate has room for it; a person can wait some seconds."""
    from services.core.openphone.errors import ProviderThrottled

    deadline = monotonic() + PATIENCE
    while True:
        try:
            return act()
        except ProviderThrottled as throttled:
            pause = (throttled.retry_after or SHORTLY).total_seconds()
            if monotonic() + pause > deadline:
                raise
            sleep(pause)
