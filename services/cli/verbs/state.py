"""How everything is right now: health, queues, workers."""

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.output import listing, rows_table
from services.cli.verb import verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context


def register(app: typer.Typer) -> None:
    """Add the verbs that have no noun."""
    verb(app, "health", show=_health, fails=lambda report: not report.healthy)(health)
    verb(app, "queues", show=_queues)(queues)
    verb(app, "workers", show=listing("hostname", "pool", "running"))(workers)


def health(context: "Context") -> Any:
    """Is everything working: each part with what was found, how old it is, and the remedy. Exit code 1 if not.

    Example: attackacrack health --json
    """
    from services.core.usecases.operations.health import check_health

    return check_health(context)


def queues(context: "Context") -> Any:
    """What waits in each queue, for how long, and what each pool's workers hold.

    Example: attackacrack queues --json
    """
    from services.core.usecases.operations.work import read_queues

    return read_queues(context)


def workers(context: "Context") -> Any:
    """The workers that answer, with the tasks they run now.

    Example: attackacrack workers
    """
    from services.core.usecases.operations.work import list_workers

    return list_workers(context)


def _health(report: Any, zone: ZoneInfo) -> list[Any]:
    verdict = "everything is well" if report.healthy else "[bold red]something is wrong[/]"
    return [rows_table(report.parts, ("name", "well", "found", "age", "remedy"), zone), verdict]


def _queues(found: Any, zone: ZoneInfo) -> list[Any]:
    return [
        rows_table(found.queues, ("queue", "pool", "waiting", "oldest"), zone),
        rows_table(found.pools, ("pool", "unacked"), zone),
    ]
