"""Contacts: from a file, by hand, and one by one."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO
from zoneinfo import ZoneInfo

import typer

from services.cli.output import listing, record
from services.cli.verb import SOMEBODY, After, By, Id, Limit, confirm_on_terminal, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context

CHUNK = 256 * 1024
STANDARD_INPUT = "-"

group = typer.Typer(help="The people who may be texted.", no_args_is_help=True)


def _report(result: Any, zone: ZoneInfo) -> list[Any]:
    hint = f"dry run: attackacrack contacts confirm {result.import_id}"
    return [*record(result, zone), *([hint] if result.status == "dry_run" else [])]


@verb(group, "import", show=_report)
def import_file(
    context: "Context",
    file: Annotated[Path, typer.Argument(show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what each row would do.")] = False,
    yes: Annotated[bool, typer.Option("--confirm", "--yes", "-y", help="Take it over without asking.")] = False,
    by: By = SOMEBODY,
) -> Any:
    """Import a CSV file: a dry run first, then, when confirmed, the contacts. A dash reads standard input.

    Every row ends as accepted, merged, rejected or suppressed; the four add up to the rows.

    Example: attackacrack contacts import list.csv --confirm
    """
    from services.core.usecases import import_contacts

    if dry_run and yes:
        raise typer.BadParameter("--dry-run and --confirm exclude each other")
    if str(file) != STANDARD_INPUT and (file.is_dir() or not os.access(file, os.R_OK)):
        raise typer.BadParameter(f"there is no readable file {file}")
    with _progress(file) as chunks:
        report = import_contacts.dry_run(context, chunks, file_name=file.name, by=by)
    if yes or (not dry_run and _agreed(report)):
        return import_contacts.confirm(context, report.import_id, by=by)
    return report


@verb(group, "confirm", show=_report)
def confirm(context: "Context", import_id: Id, by: By = SOMEBODY) -> Any:
    """Take the contacts of a dry run over; a repeat changes nothing.

    Example: attackacrack contacts confirm 12
    """
    from services.core.usecases import import_contacts

    return import_contacts.confirm(context, import_id, by=by)


@verb(group, "show")
def show(context: "Context", key: Annotated[str, typer.Argument(metavar="NUMBER|ID", show_default=False)]) -> Any:
    """One contact, by E.164 number or id.

    Example: attackacrack contacts show +12025550143
    """
    from services.core.usecases.inspect_verbs import find_contact

    return find_contact(context, key)


@verb(group, "list", show=listing("contact_id", "e164", "first_name", "last_name", "city", "state", "opted_out_at"))
def list_(context: "Context", limit: Limit = 100, after: After = 0) -> Any:
    """Contacts by id.

    Example: attackacrack contacts list --limit 20
    """
    from services.core.usecases.inspect_verbs import list_contacts

    return list_contacts(context, after=after, limit=limit)


@verb(group, "add")
def add(
    context: "Context",
    number: Annotated[str, typer.Argument(show_default=False)],
    first_name: Annotated[str | None, typer.Option("--first-name")] = None,
    last_name: Annotated[str | None, typer.Option("--last-name")] = None,
    city: Annotated[str | None, typer.Option("--city")] = None,
    state: Annotated[str | None, typer.Option("--state", help="Postal code or name.")] = None,
    postal_code: Annotated[str | None, typer.Option("--zip")] = None,
    timezone: Annotated[str | None, typer.Option("--timezone", help="As America/New_York.")] = None,
    external_id: Annotated[str | None, typer.Option("--external-id")] = None,
    by: By = SOMEBODY,
) -> Any:
    """Add one contact; a number that is known is refused.

    Example: attackacrack contacts add "(202) 555-0143" --first-name Ada --state NY
    """
    from services.core.usecases.contact_verbs import NewContact, add_contact

    new = NewContact(
        number=number,
        first_name=first_name,
        last_name=last_name,
        city=city,
        state=state,
        zip=postal_code,
        timezone=timezone,
        external_id=external_id,
    )
    return add_contact(context, new, by=by)


@verb(group, "erase")
def erase(
    context: "Context",
    key: Annotated[str, typer.Argument(metavar="NUMBER|ID", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="Who asked for it, and when; kept.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    by: By = SOMEBODY,
) -> Any:
    """Forget a person for good: names, texts, raw webhooks. A hash of the number stays, so a STOP stays in force.

    Example: attackacrack contacts erase +12025550143 --reason "her letter of 2 March"
    """
    from services.core.usecases.erase_contact import erase_contact

    if not yes:
        confirm_on_terminal("This cannot be undone. Erase the contact?")
    return erase_contact(context, key, reason=reason, by=by)


def _agreed(report: Any) -> bool:
    """Ask on a terminal; without one nobody has agreed."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    counts = f"{report.accepted} accepted, {report.merged} merged, {report.rejected} rejected"
    return typer.confirm(f"{report.rows} rows: {counts}, {report.suppressed} suppressed. Take them over?", err=True)


@contextmanager
def _progress(path: Path) -> Iterator[Iterator[bytes]]:
    """The file's bytes in chunks, with a bar on a terminal while they are read."""
    from rich.console import Console
    from rich.progress import Progress

    screen = Console(stderr=True)
    is_pipe = str(path) == STANDARD_INPUT
    with Progress(console=screen, disable=not screen.is_terminal) as bar:
        task = bar.add_task("reading", total=None if is_pipe else path.stat().st_size)

        def chunks(source: BinaryIO) -> Iterator[bytes]:
            while chunk := source.read(CHUNK):
                bar.update(task, advance=len(chunk))
                yield chunk

        if is_pipe:
            yield chunks(sys.stdin.buffer)
        else:
            with path.open("rb") as source:
                yield chunks(source)
