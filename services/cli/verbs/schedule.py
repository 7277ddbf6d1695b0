"""The scheduled jobs and their runs."""

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import Rows, listing
from services.cli.verb import LARGEST_ID, SOMEBODY, By, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import schedule as views
    from services.core.views.values import Page

Job = Annotated[str, typer.Argument(show_default=False)]

group = typer.Typer(help="Scheduled jobs: when they run next, what they did.", no_args_is_help=True)


def _show_jobs(page: "Page[views.ScheduledJob]", zone: ZoneInfo) -> list[Any]:
    rows = []
    for job in page.items:
        run = job.last_run
        last = (run.due_at, run.status, run.late_by) if run else (None, None, None)
        rows.append((job.name, job.rule, next(iter(job.next_due), None), *last, job.paused_at))
    return [Rows(("name", "rule", "next_due", "last_due", "status", "late_by", "paused_at"), rows, zone)]


@verb(group, "list", show=_show_jobs)
def list_(context: "Context") -> "Page[views.ScheduledJob]":
    """Every job with its rule, its next due times and its last run.

    Example: attackacrack schedule list --json
    """
    from services.core.usecases.schedule.find import list_schedule

    return list_schedule(context)


@verb(group, "history", show=listing("run_id", "job", "due_at", "status", "reason", "late_by", "error"))
def history(
    context: "Context",
    job: Annotated[str | None, typer.Argument(show_default=False)] = None,
    limit: Limit = 100,
    before: Annotated[int | None, typer.Option("--before", "--after", min=1, max=LARGEST_ID)] = None,
) -> "Page[views.Run]":
    """Runs, the last recorded first.

    Example: attackacrack schedule history queue_daily_campaigns
    """
    from services.core.usecases.schedule.find import list_runs

    return list_runs(context, job=job, before=before, limit=limit)


@verb(group, "run-now")
def run_now(context: "Context", job: Job, by: By = SOMEBODY) -> "views.Run":
    """Have a job run once more, now, paused or not.

    Example: attackacrack schedule run-now operational_health_check
    """
    from services.core.usecases.schedule.run_now import run_now as run

    return run(context, job, by=by)


@verb(group, "pause")
def pause(context: "Context", job: Job, by: By = SOMEBODY) -> "views.Switched":
    """Let the runs that fall due from now on be skipped.

    Example: attackacrack schedule pause check_completed_jobs
    """
    from services.core.usecases.schedule.pause import pause_job

    return pause_job(context, job, by=by)


@verb(group, "resume")
def resume(context: "Context", job: Job, by: By = SOMEBODY) -> "views.Switched":
    """Let a paused job run again from its next due time.

    Example: attackacrack schedule resume check_completed_jobs
    """
    from services.core.usecases.schedule.pause import resume_job

    return resume_job(context, job, by=by)
