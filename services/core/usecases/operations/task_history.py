"""Task history and dead letters as rows: the journal that the task base writes into."""

from services.core.queue.instruments import DEAD_LETTERS
from services.core.queue.names import TaskName
from services.core.runtime import metering
from services.core.storage import work
from services.core.usecases.context import Context

BROUGHT_BACK = frozenset({TaskName.CONTINUE_CAMPAIGN, TaskName.RESUME_IMPORT})
"""Tasks that the sweep publishes again for as long as their row says that something is left to do."""


class DatabaseJournal:
    """Each call is a transaction of its own, so that what it says survives whatever happens to the task."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def started(self, *, task_id: str, name: str, args: list[object], traceparent: str | None) -> int:
        with self._context.database.transaction() as session:
            return work.count_delivery(session, task_id=task_id, name=name, args=args, traceparent=traceparent)

    def succeeded(self, *, task_id: str, seconds: float) -> None:
        with self._context.database.transaction() as session:
            work.finish(session, task_id=task_id, outcome="succeeded", seconds=seconds, error=None)

    def failed(self, *, task_id: str, seconds: float, error: str, will_retry: bool) -> None:
        outcome = "retry" if will_retry else "failed"
        with self._context.database.transaction() as session:
            work.finish(session, task_id=task_id, outcome=outcome, seconds=seconds, error=error)

    def gave_up(
        self,
        *,
        task_id: str,
        name: str,
        args: list[object],
        reason: str,
        error: str,
        attempts: int,
        traceparent: str | None,
        seconds: float | None = None,
    ) -> None:
        # A message that was refused before any work began is no word about the row that it names.
        about = _single_id(args) if attempts else None
        with self._context.database.transaction() as session:
            work.finish(session, task_id=task_id, outcome="gave_up", seconds=seconds, error=error)
            work.add_dead_letter(
                session,
                name=name,
                args=args,
                reason=reason,
                error=error,
                attempts=attempts,
                traceparent=traceparent,
                task_id=task_id,
                inbox_id=about if name == TaskName.PROCESS_WEBHOOK else None,
                message_id=about if name == TaskName.RECONCILE_MESSAGE else None,
                is_brought_back=name in BROUGHT_BACK,
            )
        metering.count(DEAD_LETTERS, reason)


def _single_id(args: list[object]) -> int | None:
    """The id in a task's arguments, where it carries just one readable one."""
    only = args[0] if len(args) == 1 else None
    return int(only) if isinstance(only, str) and only.isdecimal() and len(only) < 19 else None
