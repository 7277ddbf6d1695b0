"""Jobs at customers' houses, whose completion is followed up."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import lines_of, listing, plain, record, values_of
from services.cli.verb import SOMEBODY, After, By, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import jobs as views
    from services.core.views.values import Page

PIECE = 1 << 16

group = typer.Typer(help="Jobs: imported or put singly; a completed one is followed up.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="EXTERNAL_ID", show_default=False)]
Number = Annotated[
    str | None, typer.Option("--phone", "--number", help="The person's phone number, in any form.", show_default=False)
]
Type = Annotated[str | None, typer.Option("--type", help="The kind of job; chooses the text.", show_default=False)]
FirstName = Annotated[str | None, typer.Option("--first-name", show_default=False)]
End = Annotated[str | None, typer.Option("--calendar-end", help="ISO 8601; 'none' takes it back.", show_default=False)]
Paid = Annotated[str | None, typer.Option("--invoice-paid", help="ISO 8601; 'none' takes it back.", show_default=False)]
Reviewed = Annotated[str | None, typer.Option("--review", help="ISO 8601; 'none' takes it back.", show_default=False)]
Cancelled = Annotated[bool | None, typer.Option("--cancel/--reopen", show_default=False)]


def _show_report(report: "views.JobImportReport", zone: ZoneInfo) -> list[Any]:
    shown = values_of(report)
    lines = [f"line {each.line}: {each.reason}" for each in shown.pop("rejections")]
    hint = [] if report.applied else ["nothing was changed: repeat with --confirm"]
    return [lines_of(shown, zone), *lines, *hint]


def _show_put(put: "views.PutJob", zone: ZoneInfo) -> list[Any]:
    return [plain(str(put.outcome)), *record(put.job, zone)]


@verb(group, "import", show=_show_report)
def import_(
    context: "Context",
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, show_default=False)],
    apply: Annotated[
        bool, typer.Option("--confirm", "--apply", help="Do it; without, only say what it would do.")
    ] = False,
    by: By = SOMEBODY,
) -> "views.JobImportReport":
    """Read jobs from a CSV file: external_id, phone, first_name, job_type, calendar_end, invoice_paid_at, review_at,
    cancelled. A blank cell leaves what is known.

    Example: attackacrack jobs import jobs.csv --confirm
    """
    from services.core.usecases.jobs.import_file import import_jobs

    with file.open("rb") as opened:
        return import_jobs(context, iter(lambda: opened.read(PIECE), b""), by=by, apply=apply)


@verb(group, "add", show=_show_put)
def add(
    context: "Context",
    job: Name,
    number: Number = None,
    kind: Type = None,
    first_name: FirstName = None,
    calendar_end: End = None,
    invoice_paid: Paid = None,
    review: Reviewed = None,
    cancelled: Cancelled = None,
    by: By = SOMEBODY,
) -> "views.PutJob":
    """Add a job, or say more about a known one; the same again changes nothing.

    Example: attackacrack jobs add J-17 --number "(212) 555-0143" --type foundation --calendar-end 2027-06-01T15:00
    """
    from services.core.usecases.jobs.put import put_job
    from services.core.views.jobs import NewJob

    times = _times(context, calendar_end=calendar_end, invoice_paid_at=invoice_paid, review_at=review)
    new = NewJob.read(external_id=job, phone=number, first_name=first_name, job_type=kind, cancelled=cancelled, **times)
    return put_job(context, new, by=by)


@verb(group, "update", show=_show_put)
def update(
    context: "Context",
    job: Name,
    kind: Type = None,
    calendar_end: End = None,
    invoice_paid: Paid = None,
    review: Reviewed = None,
    cancelled: Cancelled = None,
    by: By = SOMEBODY,
) -> "views.PutJob":
    """Change what is known of a job; texts that are not to be sent after all are taken back.

    Example: attackacrack jobs update J-17 --invoice-paid 2027-06-02
    """
    from services.core.usecases.jobs.put import update_job
    from services.core.views.jobs import JobChange

    times = _times(context, calendar_end=calendar_end, invoice_paid_at=invoice_paid, review_at=review)
    return update_job(context, job, JobChange.read(job_type=kind, cancelled=cancelled, **times), by=by)


@verb(
    group, "list", show=listing("job_id", "external_id", "phone", "job_type", "state", "calendar_end", "completed_at")
)
def list_(context: "Context", limit: Limit = 100, after: After = 0) -> "Page[views.Job]":
    """Jobs by id.

    Example: attackacrack jobs list
    """
    from services.core.usecases.jobs.find import list_jobs

    return list_jobs(context, after=after, limit=limit)


@verb(group, "show")
def show(context: "Context", job: Name) -> "views.Job":
    """One job with its follow-up and its reminder.

    Example: attackacrack jobs show J-17
    """
    from services.core.usecases.jobs.find import show_job

    return show_job(context, job)


def _times(context: "Context", **written: str | None) -> dict[str, datetime | None]:
    """The times that are said; one that is taken back is `None`, one that nobody names is left out."""
    zone = ZoneInfo(context.settings.business_zone)
    said = {name: text for name, text in written.items() if text is not None}
    return {name: None if text == "none" else _time(name, text, zone) for name, text in said.items()}


def _time(name: str, text: str, zone: ZoneInfo) -> datetime:
    from services.core.domain.failures import RefusedInput
    from services.core.domain.jobs_csv import JobRowRefused, read_time

    try:
        return read_time(text, zone)
    except JobRowRefused as refused:
        raise RefusedInput(str(refused), f"{name} is an ISO 8601 time, as 2027-06-01T15:00", pointer=name) from refused
