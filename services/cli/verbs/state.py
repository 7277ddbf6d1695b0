"""How everything is right now: today, health, queues, workers."""

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import lines_of, listing, rows_table, values_of
from services.cli.verb import verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import installation as installation_views
    from services.core.views import today as today_views
    from services.core.views import work as work_views
    from services.core.views.values import Page


def register(app: typer.Typer) -> None:
    """Add the verbs that have no noun."""
    verb(app, "today", show=_today)(today)
    verb(app, "health", show=_health, fails=lambda report: not report.healthy)(health)
    verb(app, "queues", show=_queues)(queues)
    verb(app, "workers", show=listing("hostname", "pool", "running"))(workers)


def today(context: "Context") -> "today_views.Today":
    """The day: what goes out, what came back, and what waits for a person, the most pressing first.

    Example: attackacrack today
    """
    from services.core.usecases.operations.today import show_today

    return show_today(context)


def health(context: "Context") -> "installation_views.Health":
    """Is everything working: each part with what was found, how old it is, and the remedy. Exit code 1 if not.

    Example: attackacrack health --json
    """
    from services.core.usecases.operations.health import check_health

    return check_health(context)


def queues(context: "Context") -> "work_views.Queues":
    """What waits in each queue, for how long, and what each pool's workers hold.

    Example: attackacrack queues --json
    """
    from services.core.usecases.operations.work import read_queues

    return read_queues(context)


def workers(context: "Context") -> "Page[work_views.Worker]":
    """The workers that answer, with the tasks they run now.

    Example: attackacrack workers
    """
    from services.core.usecases.operations.work import list_workers

    return list_workers(context)


def _today(day: "today_views.Today", zone: ZoneInfo) -> list[Any]:
    counts = {
        **{f"texts {name}": count for name, count in values_of(day.texts).items()},
        "replies": day.replies,
        "opt-outs": day.opt_outs,
        "running campaigns": day.running_campaigns,
        "next text at": day.next_text_at,
    }
    to_do = [rows_table(day.to_do, ("kind", "count", "oldest", "deadline"), zone)] if day.to_do else []
    unwell = [rows_table(day.unwell, ("name", "found", "remedy"), zone)] if day.unwell else []
    return [
        day.sentence,
        *to_do,
        *unwell,
        lines_of(counts, zone),
        rows_table(day.caps, ("name", "used", "limit"), zone),
        rows_table(day.next_runs, ("job", "due_at"), zone),
    ]


def _health(report: "installation_views.Health", zone: ZoneInfo) -> list[Any]:
    verdict = "everything is well" if report.healthy else "[bold red]something is wrong[/]"
    return [rows_table(report.parts, ("name", "well", "found", "age", "remedy"), zone), verdict]


def _queues(found: "work_views.Queues", zone: ZoneInfo) -> list[Any]:
    return [
        rows_table(found.queues, ("queue", "pool", "waiting", "oldest"), zone),
        rows_table(found.pools, ("pool", "unacked"), zone),
    ]
