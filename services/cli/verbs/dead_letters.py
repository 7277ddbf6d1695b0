"""Dead letters: work that gave up, to be replayed or discarded."""

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import listing, plain, rows_table
from services.cli.verb import LARGEST_ID, SOMEBODY, After, By, Id, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import dead_letters as views
    from services.core.views.values import Page

COLUMNS = ("letter_id", "task", "args", "reason", "error", "attempts", "created_at")

group = typer.Typer(help="Work that gave up.", no_args_is_help=True)


def _show_replayed(replayed: "views.Replayed", zone: ZoneInfo) -> list[Any]:
    done = "would be replayed" if replayed.dry_run else "replayed"
    refused = [plain(f"letter {each.letter_id} was not replayed: {each.detail}") for each in replayed.refused]
    return [rows_table(replayed.items, COLUMNS, zone), f"{len(replayed.items)} {done}", *refused]


@verb(group, "list", show=listing(*COLUMNS))
def list_(context: "Context", limit: Limit = 100, after: After = 0) -> "Page[views.DeadLetter]":
    """Open dead letters by id.

    Example: attackacrack dead-letters list
    """
    from services.core.usecases.dead_letters.find import list_dead_letters

    return list_dead_letters(context, after=after, limit=limit)


@verb(group, "show")
def show(context: "Context", letter: Id) -> "views.DeadLetter":
    """One letter, open or closed.

    Example: attackacrack dead-letters show 7
    """
    from services.core.usecases.dead_letters.find import show_dead_letter

    return show_dead_letter(context, letter)


@verb(group, "replay", show=_show_replayed, fails=lambda replayed: bool(replayed.refused))
def replay(
    context: "Context",
    letters: Annotated[list[int] | None, typer.Argument(min=1, max=LARGEST_ID, show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="The oldest open letters, up to --limit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be replayed; change nothing.")] = False,
    per_second: Annotated[float, typer.Option("--per-second", min=0.1, max=1000, help="At most so many.")] = 10,
    limit: Limit = 100,
    by: By = SOMEBODY,
) -> "views.Replayed":
    """Put letters back on their queues; every gate is asked again. A single letter that cannot be is an error.

    Example: attackacrack dead-letters replay 7 8 --dry-run
    """
    from services.core.usecases.dead_letters.replay import replay_dead_letter, replay_dead_letters
    from services.core.views.dead_letters import Replayed, SeveralLetters

    if bool(letters) == everything:
        raise typer.BadParameter("name letters, or --all")
    if letters and len(letters) == 1:
        replayed = replay_dead_letter(context, letters[0], by=by, dry_run=dry_run)
        return Replayed(dry_run=dry_run, items=[replayed], refused=[], next=None)
    chosen = SeveralLetters.read(letter_ids=letters, dry_run=dry_run, per_second=per_second, limit=limit)
    return replay_dead_letters(context, chosen, by=by)


@verb(group, "discard")
def discard(
    context: "Context", letter: Id, note: Annotated[str, typer.Option("--note", help="Why; kept.")], by: By = SOMEBODY
) -> "views.DeadLetter":
    """Close a letter without replaying it.

    Example: attackacrack dead-letters discard 7 --note "the contact was erased"
    """
    from services.core.usecases.dead_letters.discard import discard_dead_letter
    from services.core.views.dead_letters import Discard

    return discard_dead_letter(context, letter, Discard.read(note=note), by=by)
