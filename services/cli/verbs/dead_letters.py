"""Dead letters: work that gave up, to be replayed or discarded."""

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import listing, plain, rows_table
from services.cli.verb import LARGEST_ID, SOMEBODY, After, By, Id, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context

COLUMNS = ("letter_id", "task", "args", "reason", "error", "attempts", "created_at")

group = typer.Typer(help="Work that gave up.", no_args_is_help=True)


def _show_replayed(replayed: Any, zone: ZoneInfo) -> list[Any]:
    done = "would be replayed" if replayed.dry_run else "replayed"
    refused = [plain(f"letter {each.letter_id} was not replayed: {each.detail}") for each in replayed.refused]
    return [rows_table(replayed.items, COLUMNS, zone), f"{len(replayed.items)} {done}", *refused]


@verb(group, "list", show=listing(*COLUMNS))
def list_(context: "Context", limit: Limit = 100, after: After = 0) -> Any:
    """Open dead letters by id.

    Example: attackacrack dead-letters list
    """
    from services.core.usecases.operations.dead_letter_verbs import list_open
    from services.core.views.values import Page

    letters = list_open(context, after=after, limit=limit + 1)
    return Page(items=list(letters[:limit]), next=letters[limit - 1].letter_id if len(letters) > limit else None)


@verb(group, "show")
def show(context: "Context", letter: Id) -> Any:
    """One letter, open or closed.

    Example: attackacrack dead-letters show 7
    """
    from services.core.usecases.operations.dead_letter_verbs import show as show_letter

    return show_letter(context, letter)


@verb(group, "replay", show=_show_replayed, fails=lambda replayed: bool(replayed.refused))
def replay(
    context: "Context",
    letters: Annotated[list[int] | None, typer.Argument(min=1, max=LARGEST_ID, show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="The oldest open letters, up to --limit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be replayed; change nothing.")] = False,
    per_second: Annotated[float, typer.Option("--per-second", min=0.1, max=1000, help="At most so many.")] = 10,
    limit: Limit = 100,
    by: By = SOMEBODY,
) -> Any:
    """Put letters back on their queues; every gate is asked again. A single letter that cannot be is an error.

    Example: attackacrack dead-letters replay 7 8 --dry-run
    """
    from services.core.usecases.operations.dead_letter_verbs import Replayed, replay_many
    from services.core.usecases.operations.dead_letter_verbs import replay as replay_one

    if bool(letters) == everything:
        raise typer.BadParameter("name letters, or --all")
    if letters and len(letters) == 1:
        return Replayed(dry_run, [replay_one(context, letters[0], by=by, dry_run=dry_run)], refused=[])
    return replay_many(context, letters, by=by, dry_run=dry_run, per_second=per_second, limit=limit)


@verb(group, "discard")
def discard(
    context: "Context", letter: Id, note: Annotated[str, typer.Option("--note", help="Why; kept.")], by: By = SOMEBODY
) -> Any:
    """Close a letter without replaying it.

    Example: attackacrack dead-letters discard 7 --note "the contact was erased"
    """
    from services.core.usecases.operations import dead_letter_verbs

    return dead_letter_verbs.discard(context, letter, note=note, by=by)
