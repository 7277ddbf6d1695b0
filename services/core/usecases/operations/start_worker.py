"""What a role that runs tasks does first, besides what every role does."""

from collections.abc import Collection
from typing import NoReturn

from services.core.queue.instrumentation import trace_tasks
from services.core.queue.journal import install_journal
from services.core.queue.names import CAMPAIGN, OPERATIONS, Pool
from services.core.queue.worker import child_number, run_worker
from services.core.runtime.exporting import flush_telemetry, join_metrics, start_telemetry
from services.core.runtime.settings import Settings
from services.core.storage.rights import Component
from services.core.usecases.context import load_parts, process_context
from services.core.usecases.operations.judge_settings import WITH_A_PROVIDER
from services.core.usecases.operations.start_role import start_role
from services.core.usecases.operations.task_history import DatabaseJournal

NEEDS: dict[str, Collection[str]] = {CAMPAIGN.name: WITH_A_PROVIDER, OPERATIONS.name: WITH_A_PROVIDER}


def start_worker(pool: Pool, *, tasks: str) -> NoReturn:
    """Run a worker role: `tasks` is the module with its entry points."""
    start_role(
        lambda configured: _work(pool, tasks, configured),
        has_children=True,
        needs=NEEDS.get(pool.name, ()),
        component=Component(f"{pool.name}_worker"),
    )
    raise AssertionError("a worker role ends its process")


def _work(pool: Pool, tasks: str, configured: Settings) -> NoReturn:
    load_parts()
    install_journal(lambda: DatabaseJournal(process_context()))
    run_worker(
        pool,
        import_tasks=tasks,
        configured=configured,
        child_started=(lambda: join_metrics(child_number()), lambda: trace_tasks(start_telemetry(configured))),
        child_stopping=(flush_telemetry,),
    )
