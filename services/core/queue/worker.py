"""Run a pool's worker in this process, which is what each worker role's `__main__` does."""

import logging
import socket
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from time import monotonic, sleep
from typing import Any, NoReturn

from billiard import current_process
from billiard.common import REMAP_SIGTERM
from celery import signals
from celery.apps import worker as celery_worker
from celery.apps.worker import Worker as CeleryWorker
from celery.concurrency.prefork import TaskPool
from celery.exceptions import SecurityWarning

from services.core.queue import busy
from services.core.queue.app import app, configuration
from services.core.queue.heartbeat import Heartbeat
from services.core.queue.journal import JournalMissing, is_installed
from services.core.queue.names import Pool
from services.core.queue.times import Times
from services.core.runtime.settings import Settings, settings

logger = logging.getLogger(__name__)

IDLE_FOR = 0.3  # seconds without work before a shutdown goes on: results are then on their way to the main process

Hook = Callable[[], None]


class SigtermNotRemapped(RuntimeError):
    """Celery was imported before this package, so SIGTERM would wait for tasks without a limit."""


class Worker(CeleryWorker):
    """Celery's worker, whose soft shutdown ends as soon as the work does."""

    def wait_for_soft_shutdown(self) -> bool:
        began = idle_since = monotonic()
        limit = app.times.soft_shutdown.total_seconds()
        logger.info("worker.stopping", extra={"limit_seconds": limit})
        while monotonic() - began < limit and monotonic() - idle_since < IDLE_FOR:
            if busy.is_anyone_working():
                idle_since = monotonic()
            sleep(0.05)
        return True


class Processes(TaskPool):
    """Celery's pool, which has no processes once it has ended.

    A stop ends the pool from the signal's handler. The loop that it interrupted may go round once more and ask how many
    there are, to see whether it may take a task: none takes none, where Celery's own fails, and so did the worker.
    """

    _pool: Any  # what Celery's class has and its types leave out

    @property
    def num_processes(self) -> int:
        return 0 if self._pool is None else int(self._pool._processes)


def run_worker(
    pool: Pool,
    *,
    import_tasks: Callable[[], None] | str,
    configured: Settings | None = None,
    times: Times | None = None,
    child_started: Sequence[Hook] = (),
    child_stopping: Sequence[Hook] = (),
) -> NoReturn:
    """Consume the queues of `pool` until SIGTERM, then end the process with the worker's exit code.

    `import_tasks` registers the entry points: a function, or the name of the module that has them. The hooks run in
    each pool process, after its fork and before its exit: telemetry begins and flushes there. Raises `JournalMissing`.
    """
    if REMAP_SIGTERM != "SIGQUIT":
        raise SigtermNotRemapped("import services.core.queue before celery")
    configured = configured or settings()
    app.times = times or Times.within(configured.celery)
    app.conf.update(configuration(configured, pool, app.times))
    import_module(import_tasks) if isinstance(import_tasks, str) else import_tasks()
    if not is_installed():
        raise JournalMissing("install_journal() was not called")
    setattr(celery_worker, "safe_say", _say)  # noqa: B010 - it prints what it says about signals, past all loggers
    _connect_hooks((busy.start_idle, *child_started), child_stopping)
    heartbeat = Heartbeat(configured.run_dir, app.times) if configured.run_dir else None
    if heartbeat:
        heartbeat.start()
    worker = _worker(pool, configured)
    worker.start()
    if heartbeat:
        heartbeat.stop()
    sys.exit(worker.exitcode or 0)


def child_number() -> int:
    """In a pool process: its number, from 0, which no other has while it lives."""
    return int(current_process().index)  # type: ignore[attr-defined]  # the pool sets it


def _worker(pool: Pool, configured: Settings) -> Any:
    with warnings.catch_warnings():
        # Celery warns root of messages that run code; ours are JSON alone, and who starts it as root chose to.
        warnings.simplefilter("ignore", SecurityWarning)
        return Worker(
            app=app,
            hostname=f"{pool.name}@{socket.gethostname()}",
            queues=[queue.value for queue in pool.queues],
            concurrency=configured.worker_concurrency,
            pool_cls=Processes,
            optimization="fair",
            without_gossip=True,
            without_mingle=True,
            loglevel=configured.log_level,
            quiet=True,
        )


def _connect_hooks(started: Sequence[Hook], stopping: Sequence[Hook]) -> None:
    """The one place where something joins a pool process's life; logging is left as the role configured it."""
    signals.setup_logging.connect(_keep_logging, weak=False)
    for signal, hooks in ((signals.worker_process_init, started), (signals.worker_process_shutdown, stopping)):
        for hook in hooks:
            signal.connect(_without_arguments(hook), weak=False)


def _keep_logging(**_: object) -> None:
    """Any receiver makes Celery leave the loggers alone."""


def _say(text: str, *_: object) -> None:
    logger.info("worker.signal", extra={"said": text.strip()})


def _without_arguments(hook: Hook) -> Callable[..., None]:
    def receive(**_: object) -> None:
        hook()

    return receive
