"""The scheduled jobs and their runs."""

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import Rows, listing
from services.cli.verb import LARGEST_ID, SOMEBODY, By, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context

Job = Annotated[str, typer.Argument(show_default=False)]

group = typer.Typer(help="Scheduled jobs: when they run next, what they did.", no_args_is_help=True)


def _show_jobs(page: Any, zone: ZoneInfo) -> list[Any]:
    rows = []
    for job in page.items:
        run = job.last_run
        last = (run.due_at, run.status, run.late_by) if run else (None, None, None)
        rows.append((job.name, job.rule, next(iter(job.next_due), None), *last, job.paused_at))
    return [Rows(("name", "rule", "next_due", "last_due", "status", "late_by", "paused_at"), rows, zone)]


@verb(group, "list", show=_show_jobs)
def list_(context: "Context") -> Any:
    """Every job with its rule, its next due times and its last run.

    Example: attackacrack schedule list --json
    """
    from services.core.usecases.schedule.schedule_verbs import list_jobs
    from services.core.views.values import Page

    return Page(items=list(list_jobs(context.database, zone=context.settings.business_zone)), next=None)


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
    from services.core.usecases.schedule import schedule_verbs
    from services.core.views.values import Page

    runs = schedule_verbs.history(context.database, job=job, before=before, limit=limit + 1)
    return Page(items=list(runs[:limit]), next=runs[limit - 1].run_id if len(runs) > limit else None)


@verb(group, "run-now")
def run_now(context: "Context", job: Job, by: By = SOMEBODY) -> Any:
    """Have a job run once more, now, paused or not.

    Example: attackacrack schedule run-now operational_health_check
    """
    from services.core.usecases.schedule import schedule_verbs

    return schedule_verbs.run_now(context.database, job, by=by)


@verb(group, "pause")
def pause(context: "Context", job: Job, by: By = SOMEBODY) -> Any:
    """Let the runs that fall due from now on be skipped.

    Example: attackacrack schedule pause check_completed_jobs
    """
    from services.core.usecases.schedule import schedule_verbs

    return schedule_verbs.pause(context.database, job, by=by, zone=context.settings.business_zone)


@verb(group, "resume")
def resume(context: "Context", job: Job, by: By = SOMEBODY) -> Any:
    """Let a paused job run again from its next due time.

    Example: attackacrack schedule resume check_completed_jobs
    """
    from services.core.usecases.schedule import schedule_verbs

    return schedule_verbs.resume(context.database, job, by=by, zone=context.settings.business_zone)
