"""Spans produced and received over recycled children and restarts: `python -m tests.benchmarks.span_loss`.

One-id tasks on a real worker of two children that end after `--per-child` tasks. At a third and at two thirds the
worker is replaced as a rolling update does it: a second one starts, the first gets SIGTERM. Every task that ran must
have its span with the receiver, once; a task runs again only where a restart gave its message back. With `--away` the
receiver is closed for so many seconds at half of the tasks; with `--sdk` spans leave by the SDK's own processor, with
`--patience` ours gives a collector that fails so many seconds when a process ends.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from services.cli.laptop.guard import Guard
from services.cli.laptop.ports import free_ports
from services.cli.laptop.valkey import prepare_valkey
from services.core.queue import app as queue_app
from services.core.queue.enqueue import Batch, Broker
from services.core.queue.instrumentation import trace_tasks
from services.core.queue.journal import install_journal
from services.core.queue.names import WEBHOOK, TaskName
from services.core.queue.task import task
from services.core.queue.worker import run_worker
from services.core.runtime import span_export
from services.core.runtime.exporting import flush_telemetry, start_telemetry
from services.core.runtime.logs import configure_logs
from services.core.runtime.settings import read_settings
from services.trace_receiver.server import Receiver
from services.trace_receiver.store import Traces
from tests.tools.waiting import wait_until

MILLISECOND = timedelta(milliseconds=1)
RUN, TASK_ID = "run/process_webhook", "messaging.message.id"


class AppendedJournal:
    """A line for each run that ended; nothing is looked up, so that ten thousand cost as much as ten."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def started(self, **_: object) -> int:
        return 1

    def succeeded(self, *, task_id: str, seconds: float) -> None:
        os.write(self._file, f"{task_id} {os.getpid()} {seconds:.6f}\n".encode())

    def failed(self, **fields: object) -> None:
        raise AssertionError(fields)

    gave_up = failed


class SdkQueue(BatchSpanProcessor):
    """The SDK's own processor with our bounds."""

    def __init__(self, exporter: SpanExporter, *, flush_within: timedelta) -> None:
        super().__init__(
            exporter,
            max_queue_size=span_export.WAITING_AT_MOST,
            schedule_delay_millis=span_export.EVERY / MILLISECOND,
            max_export_batch_size=span_export.AT_ONCE,
        )
        self._flush_within = flush_within

    def shutdown(self) -> None:
        self._batch_processor.shutdown(timeout_millis=int(self._flush_within / MILLISECOND))


def import_tasks() -> None:
    @task(TaskName.PROCESS_WEBHOOK)
    def does_nothing(ids: list[str]) -> None: ...


def work(folder: Path, *, per_child: int, by_sdk: bool, patience: timedelta) -> None:
    """Be the worker."""
    queue_app.TASKS_PER_CHILD = per_child
    setattr(span_export, "FLUSH_WHEN_FAILING", patience)  # noqa: B010
    if by_sdk:
        setattr(span_export, "SpanQueue", SdkQueue)  # noqa: B010
    configured = read_settings(run_dir=folder, service_name="webhook-worker")
    configure_logs(configured)
    install_journal(lambda: AppendedJournal(folder.parent / "journal"))
    run_worker(
        WEBHOOK,
        import_tasks=import_tasks,
        configured=configured,
        child_started=[lambda: trace_tasks(start_telemetry(configured))],
        child_stopping=[flush_telemetry],
    )


class Worker:
    def __init__(self, base: Path, number: int, *, how: Sequence[str]) -> None:
        self.folder = base / f"worker-{number}"
        self.folder.mkdir()
        with (self.folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "tests.benchmarks.span_loss", "--worker", str(self.folder)]
            command += how
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_until((self.folder / "ready").exists, within=120)
        except TimeoutError:
            self.process.kill()
            raise

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=120)


class Collector:
    """A receiver that can be closed and opened again at its address, with what it has received."""

    def __init__(self, most: int) -> None:
        self.traces, self._address = Traces(traces_at_most=most, spans_at_most=most), ("127.0.0.1", free_ports(1)[0])
        self.url = f"http://{self._address[0]}:{self._address[1]}"
        self.open()

    def open(self) -> None:
        self._receiver = Receiver(self._address, self.traces)
        threading.Thread(target=self._receiver.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._receiver.shutdown()
        self._receiver.server_close()


def measure(count: int, *, away: float, how: Sequence[str]) -> int:
    """Run and report; the exit code is 1 when a span of a task that ran is missing."""
    from tests.conftest import PASSWORD, ValkeyProcess  # which empties the environment that a worker gets from here

    with ExitStack() as exits:
        base = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="span-loss-")))
        guard = exits.enter_context(Guard())
        (base / "valkey").mkdir()
        prepared = prepare_valkey(base / "valkey", port=free_ports(1)[0], password=PASSWORD)
        valkey = ValkeyProcess(prepared, guard, base / "valkey.log")
        valkey.start()
        exits.callback(valkey.stop)
        collector = Collector(10 * count)
        exits.callback(collector.close)
        os.environ |= {"ATTACKACRACK_REDIS_URL": valkey.url, "ATTACKACRACK_OTLP_ENDPOINT": collector.url}
        journal = base / "journal"
        journal.touch()

        def ran() -> int:
            return journal.read_bytes().count(b"\n")

        def ran_so_many(enough: int) -> bool:
            return ran() >= enough

        def go_away() -> None:
            wait_until(lambda: ran() >= count // 2, within=1800)
            collector.close()
            time.sleep(away)
            collector.open()

        broker = Broker(read_settings())
        broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [Batch([str(number)]) for number in range(count)])
        began = time.monotonic()
        worker, codes = Worker(base, 0, how=how), []
        if away:
            threading.Thread(target=go_away, daemon=True).start()
        for number in (1, 2):
            wait_until(partial(ran_so_many, count * number // 3), within=1800)
            following = Worker(base, number, how=how)
            codes.append(worker.end())
            worker = following
        wait_until(lambda: ran() >= count, within=1800)
        seconds = time.monotonic() - began
        codes.append(worker.end())
        lines = [line.split() for line in journal.read_text().splitlines()]
        spans = [span for span in collector.traces.all() if span["operationName"] == RUN]
        received = Counter(
            tag["value"] for span in spans for tag in span["tags"] if tag["key"] == "messaging.message.id"
        )
        produced = Counter(task_id for task_id, _, _ in lines)
        missing = produced - received
        sys.stdout.write(
            f"tasks {count}, runs {produced.total()}, pool processes {len({pid for _, pid, _ in lines})}, "
            f"exit codes {codes}, {seconds:.0f} s\n"
            f"run spans produced {produced.total()}, received {received.total()}, missing {missing.total()}\n"
        )
        return 1 if missing else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--per-child", type=int, default=100, metavar="TASKS")
    parser.add_argument("--away", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--sdk", action="store_true")
    ours = span_export.FLUSH_WHEN_FAILING.total_seconds()
    parser.add_argument("--patience", type=float, default=ours, metavar="SECONDS")
    options = parser.parse_args()
    if options.worker:
        patience = timedelta(seconds=options.patience)
        work(options.worker, per_child=options.per_child, by_sdk=options.sdk, patience=patience)
    how = ["--per-child", str(options.per_child), "--patience", str(options.patience), *["--sdk"] * options.sdk]
    return measure(options.tasks, away=options.away, how=how)


if __name__ == "__main__":
    sys.exit(main())
