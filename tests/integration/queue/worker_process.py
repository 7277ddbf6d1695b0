"""A worker for the tests: the real `run_worker`, tasks that do as their first id says, a journal that is a file."""

import fcntl
import json
import logging
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from services.core.queue import app as queue_app
from services.core.queue.instrumentation import trace_tasks
from services.core.queue.journal import install_journal
from services.core.queue.names import POOLS, TaskName
from services.core.queue.task import task
from services.core.queue.times import Times
from services.core.queue.worker import run_worker
from services.core.runtime.exporting import flush_telemetry, start_telemetry
from services.core.runtime.settings import read_settings

FOLDER = Path(sys.argv[2])


class FileJournal:
    """Lines of JSON in one file, and a switch that makes it unavailable."""

    def started(self, *, task_id: str, name: str, args: list[object], traceparent: str | None) -> int:
        self._write("started", task_id=task_id, name=name, args=args, traceparent=traceparent)
        lines = map(json.loads, (FOLDER / "journal").read_text().splitlines())
        return sum(line["event"] == "started" and line["task_id"] == task_id for line in lines)

    def succeeded(self, *, task_id: str, seconds: float) -> None:
        self._write("succeeded", task_id=task_id, seconds=seconds)

    def failed(self, *, task_id: str, seconds: float, error: str, will_retry: bool) -> None:
        self._write("failed", task_id=task_id, seconds=seconds, error=error, will_retry=will_retry)

    def gave_up(self, **fields: object) -> None:
        self._write("gave_up", **fields)

    def _write(self, event: str, **fields: object) -> None:
        if (FOLDER / "journal_down").exists():
            raise ConnectionError("the journal is down")
        with (FOLDER / "journal").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps({"event": event, "pid": os.getpid(), **fields}) + "\n")


class Refused(Exception):
    retryable = False


class Healing(Exception):
    retryable = True


def obey(ids: list[str]) -> list[str]:
    order, _, detail = ids[0].partition(":")
    match order:
        case "until":
            while not (FOLDER / detail).exists():
                time.sleep(0.01)
        case "refuse_after":
            obey([f"until:{detail}"])
            raise Refused(detail)
        case "heal_after" if not (FOLDER / detail).exists():
            obey([f"until:{detail}"])
            raise ConnectionError("once")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "refuse":
            raise Refused(detail)
        case "fail":
            raise Healing(detail)
        case "heal" if not (FOLDER / detail).exists():
            (FOLDER / detail).touch()
            raise ConnectionError("once")
        case "hang":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
            time.sleep(60)
    return ids


def import_tasks() -> None:
    for name in (TaskName.PROCESS_WEBHOOK, TaskName.SEND_CAMPAIGN_MESSAGE, TaskName.DEBUG_TASK):
        task(name)(obey)
    task(TaskName.OPERATIONAL_HEALTH_CHECK)(lambda: "healthy")


def deadlock_at(signal_number: int, frame: object) -> None:
    while True:
        time.sleep(60)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    install_journal(FileJournal)
    queue_app.TASKS_PER_CHILD = int(os.environ.get("TASKS_PER_CHILD", queue_app.TASKS_PER_CHILD))
    configured = read_settings(run_dir=FOLDER)
    signal.signal(signal.SIGUSR2, deadlock_at)
    run_worker(
        next(pool for pool in POOLS if pool.name == sys.argv[1]),
        import_tasks=import_tasks,
        configured=configured,
        times=Times(**{name: timedelta(seconds=seconds) for name, seconds in json.loads(sys.argv[3]).items()}),
        child_started=[(FOLDER / "child_started").touch, lambda: trace_tasks(start_telemetry(configured))],
        child_stopping=[(FOLDER / "child_stopping").touch, flush_telemetry],
    )
