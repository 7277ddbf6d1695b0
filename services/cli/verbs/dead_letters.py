"""Dead letters: work that gave up, to be replayed or discarded."""

from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.output import listing
from services.cli.verb import LARGEST_ID, SOMEBODY, After, By, Id, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context

COLUMNS = ("letter_id", "task", "args", "reason", "error", "attempts", "created_at")

group = typer.Typer(help="Work that gave up.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Replayed:
    """The letters that were put back on their queues, or with `dry_run` would have been."""

    dry_run: bool
    items: list[Any]
    next: None = None


@verb(group, "list", show=listing(*COLUMNS))
def list_(context: "Context", limit: Limit = 100, after: After = 0) -> Any:
    """Open dead letters by id.

    Example: attackacrack dead-letters list
    """
    from services.core.usecases.dead_letter_verbs import list_open
    from services.core.usecases.inspect_verbs import Page

    letters = list_open(context, after=after, limit=limit + 1)
    return Page(letters[:limit], letters[limit - 1].letter_id if len(letters) > limit else None)


@verb(group, "replay", show=listing(*COLUMNS))
def replay(
    context: "Context",
    letters: Annotated[list[int] | None, typer.Argument(min=1, max=LARGEST_ID, show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open letter, up to --limit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be replayed; change nothing.")] = False,
    per_second: Annotated[float, typer.Option("--per-second", min=0.1, max=1000, help="At most so many.")] = 10,
    limit: Limit = 100,
    by: By = SOMEBODY,
) -> Any:
    """Put letters back on their queues; every gate is asked again.

    Example: attackacrack dead-letters replay 7 8 --dry-run
    """
    from services.core.usecases import dead_letter_verbs

    if bool(letters) == everything:
        raise typer.BadParameter("name letters, or --all")
    ids = letters or [letter.letter_id for letter in dead_letter_verbs.list_open(context, limit=limit)]
    replayed = []
    for number, letter_id in enumerate(ids):
        if number and not dry_run:
            sleep(1 / per_second)
        replayed.append(dead_letter_verbs.replay(context, letter_id, by=by, dry_run=dry_run))
    return Replayed(dry_run, replayed)


@verb(group, "discard")
def discard(
    context: "Context", letter: Id, note: Annotated[str, typer.Option("--note", help="Why; kept.")], by: By = SOMEBODY
) -> Any:
    """Close a letter without replaying it.

    Example: attackacrack dead-letters discard 7 --note "the contact was erased"
    """
    from services.core.usecases import dead_letter_verbs

    return dead_letter_verbs.discard(context, letter, note=note, by=by)
