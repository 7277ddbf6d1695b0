"""The scheduled jobs and their runs."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import cell, listing
from services.cli.verb import LARGEST_ID, SOMEBODY, By, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.usecases.schedule_verbs import RunView

Job = Annotated[str, typer.Argument(show_default=False)]

group = typer.Typer(help="Scheduled jobs: when they run next, what they did.", no_args_is_help=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as the API shows it too."""

    run_id: int
    job: str
    due_at: datetime
    status: str
    reason: str | None
    started_at: datetime | None
    finished_at: datetime | None
    late_by: timedelta | None
    attempts: int
    result: dict[str, object] | None
    error: str | None
    requested_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledJob:
    name: str
    rule: str
    zone: str
    catch_up: str
    next_due: tuple[datetime, ...]
    last_run: Run | None
    paused_at: datetime | None
    paused_by: str | None


@dataclass(frozen=True, slots=True)
class Switched:
    """`changed` is false when the job was in that state already."""

    job: str
    changed: bool


def _show_jobs(page: Any, zone: ZoneInfo) -> list[Any]:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        "name", "rule", "next due", "last due", "status", "late by", "paused at", box=SIMPLE_HEAD, pad_edge=False
    )
    for job in page.items:
        run = job.last_run
        last = (run.due_at, run.status, run.late_by) if run else (None, None, None)
        values = (job.name, job.rule, next(iter(job.next_due), None), *last, job.paused_at)
        table.add_row(*(cell(value, zone) for value in values))
    return [table]


@verb(group, "list", show=_show_jobs)
def list_(context: "Context") -> Any:
    """Every job with its rule, its next due times and its last run.

    Example: attackacrack schedule list --json
    """
    from services.core.usecases.inspect_verbs import Page
    from services.core.usecases.schedule_verbs import list_jobs

    jobs = list_jobs(context.database, zone=context.settings.business_zone)
    return Page([_job(job) for job in jobs], None)


@verb(group, "history", show=listing("run_id", "job", "due_at", "status", "reason", "late_by", "error"))
def history(
    context: "Context",
    job: Annotated[str | None, typer.Argument(show_default=False)] = None,
    limit: Limit = 100,
    before: Annotated[int | None, typer.Option("--before", "--after", min=1, max=LARGEST_ID)] = None,
) -> Any:
    """Runs, the last recorded first.

    Example: attackacrack schedule history queue_daily_campaigns
    """
    from services.core.usecases import schedule_verbs
    from services.core.usecases.inspect_verbs import Page

    runs = schedule_verbs.history(context.database, job=job, before=before, limit=limit + 1)
    views = [_run(run) for run in runs[:limit]]
    return Page(views, views[-1].run_id if len(runs) > limit else None)


@verb(group, "run-now")
def run_now(context: "Context", job: Job, by: By = SOMEBODY) -> Any:
    """Have a job run once more, now, paused or not.

    Example: attackacrack schedule run-now operational_health_check
    """
    from services.core.usecases import schedule_verbs

    return _run(schedule_verbs.run_now(context.database, job, by=by))


@verb(group, "pause")
def pause(context: "Context", job: Job, by: By = SOMEBODY) -> Any:
    """Let the runs that fall due from now on be skipped.

    Example: attackacrack schedule pause check_completed_jobs
    """
    from services.core.usecases import schedule_verbs

    return Switched(job, schedule_verbs.pause(context.database, job, by=by))


@verb(group, "resume")
def resume(context: "Context", job: Job, by: By = SOMEBODY) -> Any:
    """Let a paused job run again from its next due time.

    Example: attackacrack schedule resume check_completed_jobs
    """
    from services.core.usecases import schedule_verbs

    zone = context.settings.business_zone
    return Switched(job, schedule_verbs.resume(context.database, job, by=by, zone=zone))


def _run(view: "RunView") -> Run:
    values = asdict(view)
    return Run(run_id=values.pop("id"), **values)


def _job(view: Any) -> ScheduledJob:
    return ScheduledJob(
        name=view.name,
        rule=view.rule,
        zone=view.zone,
        catch_up=view.catch_up,
        next_due=view.next_due,
        last_run=_run(view.last_run) if view.last_run else None,
        paused_at=view.paused_at,
        paused_by=view.paused_by,
    )
