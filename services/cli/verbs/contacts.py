"""Contacts: from a file, by hand, and one by one."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.files import STANDARD, write_new
from services.cli.output import lines_of, listing, plain, record, values_of
from services.cli.verb import LARGEST_ID, SOMEBODY, After, By, Id, Limit, NewestFirst, confirm_on_terminal, verb
from services.core.domain.imports import RowOutcome

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import contacts as views
    from services.core.views.files import Exported
    from services.core.views.values import Page

CHUNK = 256 * 1024
IN_MEMORY = 16 * 1024 * 1024

NOT_READ = "holds phone numbers that were not read: to have them call it phone, and what is called so now otherwise"

group = typer.Typer(help="The people who may be texted.", no_args_is_help=True)


def _report(result: "views.ImportReport", zone: ZoneInfo) -> list[Any]:
    shown = values_of(result)
    columns, unread = shown.pop("columns"), shown.pop("unread_phones")
    number = result.import_id
    return [
        lines_of({name: value for name, value in shown.items() if value not in (None, {})}, zone),
        *(plain(f"column {column.name or '(no name)'}: {column.read_as}") for column in columns),
        *(plain(f"column {name or '(no name)'} {NOT_READ}") for name in unread),
        *([f"refused rows: attackacrack contacts import-rows {number}"] if result.rejected else []),
        *([f"dry run: attackacrack contacts confirm {number}"] if result.status == "dry_run" else []),
    ]


def _rows(result: "Page[views.ImportRow] | Exported", zone: ZoneInfo) -> Sequence[Any]:
    """A page of rows, or where they were written."""
    from services.core.views.files import Exported

    if isinstance(result, Exported):
        return record(result, zone)
    return listing("line", "outcome", "reason", "column", "value", "mark_line", "phone", "warnings")(result, zone)


@verb(group, "import", show=_report)
def import_file(
    context: "Context",
    file: Annotated[Path, typer.Argument(show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what each row would do.")] = False,
    yes: Annotated[bool, typer.Option("--confirm", "--yes", "-y", help="Take it over without asking.")] = False,
    by: By = SOMEBODY,
) -> "views.ImportReport":
    """Import a CSV file: a dry run first, then, when confirmed, the contacts. A dash reads standard input.

    Every row ends as accepted, merged, rejected or suppressed; the four add up to the rows.

    Example: attackacrack contacts import list.csv --confirm
    """
    from services.core.usecases.contacts.confirm_import import confirm_import
    from services.core.usecases.contacts.dry_run_import import dry_run_import

    if dry_run and yes:
        raise typer.BadParameter("--dry-run and --confirm exclude each other")
    if str(file) != STANDARD and (file.is_dir() or not os.access(file, os.R_OK)):
        raise typer.BadParameter(f"there is no readable file {file}")
    with _progress(file) as chunks:
        report = dry_run_import(context, chunks, file_name=file.name, by=by)
    if yes or (not dry_run and _agreed(report)):
        return confirm_import(context, report.import_id, by=by)
    return report


@verb(group, "confirm", show=_report)
def confirm(context: "Context", import_id: Id, by: By = SOMEBODY) -> "views.ImportReport":
    """Take the contacts of a dry run over, judging each row again; a repeat changes nothing, and goes on with one that
    was cut off.

    Example: attackacrack contacts confirm 12
    """
    from services.core.usecases.contacts.confirm_import import confirm_import

    return confirm_import(context, import_id, by=by)


@verb(
    group,
    "imports",
    show=listing(
        *("import_id", "file_name", "status", "rows", "accepted", "merged", "rejected", "suppressed"),
        *("created_by", "created_at", "confirmed_at"),
    ),
)
def imports(
    context: "Context", limit: Limit = 100, after: After = 0, newest_first: NewestFirst = False
) -> "Page[views.ImportReport]":
    """Imports by id.

    Example: attackacrack contacts imports
    """
    from services.core.usecases.contacts.find_imports import list_imports

    return list_imports(context, after=after, limit=limit, newest_first=newest_first)


@verb(group, "show-import", show=_report)
def show_report(context: "Context", import_id: Id) -> "views.ImportReport":
    """The report of a dry run, or what a confirmed import did.

    Example: attackacrack contacts show-import 12
    """
    from services.core.usecases.contacts.find_imports import show_import

    return show_import(context, import_id)


@verb(group, "import-rows", show=_rows)
def import_rows(
    context: "Context",
    import_id: Id,
    outcome: Annotated[RowOutcome, typer.Option("--outcome", help="Rows with this outcome.")] = RowOutcome.REJECTED,
    every: Annotated[bool, typer.Option("--all", help="Rows of every outcome.")] = False,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", dir_okay=False, help="Write all of them to a new CSV file; a dash for standard output."),
    ] = None,
    limit: Limit = 100,
    after: Annotated[int, typer.Option("--after", min=0, max=LARGEST_ID, help="Go on after this line.")] = 0,
    by: By = SOMEBODY,
) -> "Page[views.ImportRow] | Exported":
    """The refused rows of an import, each with its line, the cell and the reason; the digits of numbers are hidden.

    Example: attackacrack contacts import-rows 12 --csv refused.csv
    """
    from services.core.usecases.contacts.find_imports import export_import_rows, list_import_rows

    wanted = None if every else outcome
    if csv is not None:
        return write_new(csv, export_import_rows(context, import_id, outcome=wanted, by=by))
    return list_import_rows(context, import_id, outcome=wanted, after=after, limit=limit)


@verb(group, "discard-import", show=_report)
def discard(context: "Context", import_id: Id, by: By = SOMEBODY) -> "views.ImportReport":
    """Let a dry run never be confirmed; a repeat changes nothing.

    Example: attackacrack contacts discard-import 12
    """
    from services.core.usecases.contacts.discard_import import discard_import

    return discard_import(context, import_id, by=by)


@verb(group, "show")
def show(
    context: "Context", key: Annotated[str, typer.Argument(metavar="NUMBER|ID", show_default=False)]
) -> "views.Contact":
    """One contact, by id or by a number in any form.

    Example: attackacrack contacts show "(202) 555-0143"
    """
    from services.core.usecases.contacts.find import find_contact

    return find_contact(context, key)


@verb(group, "list", show=listing("contact_id", "phone", "first_name", "last_name", "city", "state", "opted_out_at"))
def list_(context: "Context", limit: Limit = 100, after: After = 0) -> "Page[views.Contact]":
    """Contacts by id.

    Example: attackacrack contacts list --limit 20
    """
    from services.core.usecases.contacts.find import list_contacts

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
) -> "views.Contact":
    """Add one contact; a number that is known is refused.

    Example: attackacrack contacts add "(202) 555-0143" --first-name Ada --state NY
    """
    from services.core.usecases.contacts.add import add_contact
    from services.core.views.contacts import NewContact

    new = NewContact.read(
        phone=number,
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
) -> "views.Erasure":
    """Forget a person for good: names, texts, raw webhooks. A hash of the number stays, so a STOP stays in force.

    Example: attackacrack contacts erase +12025550143 --reason "her letter of 2 March"
    """
    from services.core.usecases.contacts.erase import erase_contact
    from services.core.usecases.contacts.find import find_contact
    from services.core.views.contacts import Erase

    wanted = Erase.read(reason=reason)
    if not yes:
        person = find_contact(context, key)
        name = " ".join(filter(None, (person.first_name, person.last_name))) or "nobody's name is known"
        confirm_on_terminal(f"This cannot be undone. Erase contact {person.contact_id}, {person.e164} ({plain(name)})?")
    return erase_contact(context, key, wanted, by=by)


def _agreed(report: "views.ImportReport") -> bool:
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
    is_pipe = str(path) == STANDARD
    with Progress(console=screen, disable=not screen.is_terminal) as bar:
        task = bar.add_task("reading", total=None if is_pipe else path.stat().st_size)

        def chunks(source: IO[bytes]) -> Iterator[bytes]:
            while chunk := source.read(CHUNK):
                bar.update(task, advance=len(chunk))
                yield chunk

        if is_pipe:
            with SpooledTemporaryFile(max_size=IN_MEMORY) as held:  # a slow pipe must not hold a transaction open
                shutil.copyfileobj(sys.stdin.buffer, held, CHUNK)
                held.seek(0)
                yield chunks(held)
        else:
            with path.open("rb") as source:
                yield chunks(source)
