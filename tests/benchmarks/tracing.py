"""What traces cost, in CPU for each webhook and sent text: `python -m tests.benchmarks.tracing 2>/dev/null`.

Off, at 10 % and at 100 % are alternated in one run; the figures are medians of the rounds. A webhook is read, stored,
published and handled; a text is dispatched, claimed, passed by the gate, sent to the simulator and its outcome
recorded, ten to a task. All of it happens in this process on real servers, so that its CPU clock counts our code with
the exporter's thread, and nothing of the servers, the simulator and the receiver.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

from services.cli.laptop.guard import Guard
from services.cli.laptop.ports import free_ports
from services.cli.laptop.postgres import prepare_postgres
from services.cli.laptop.valkey import prepare_valkey
from services.core.queue.names import TaskName
from services.core.runtime import tracing
from services.core.runtime.logs import configure_logs
from services.core.runtime.settings import Settings
from services.core.runtime.span_export import make_provider
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage.migrate import upgrade
from services.core.usecases.messages.dispatch import Dispatcher
from services.core.usecases.webhooks.accept import store_webhooks
from services.core.usecases.webhooks.handle import handle_events
from tests.conftest import PASSWORD, PostgresProcess, ValkeyProcess
from tests.tools.simulator import running_simulator
from tests.tools.world import World

VARIANTS = {"off": None, "10 %": 0.1, "100 %": 1.0}
IDS_PER_TASK = 10
Measured = tuple[float, float]
"""CPU microseconds for each sent text and each webhook."""


@contextmanager
def traced(ratio: float | None, endpoint: str) -> Iterator[Callable[[], object]]:
    """Traces as a role has them from its start; yields what sends all that was made so far."""
    if ratio is None:
        yield lambda: None
        return
    settings = Settings(otlp_endpoint=endpoint, trace_sample_ratio=ratio, service_name="benchmark")
    provider = make_provider(settings, flush_within=timedelta(seconds=30))
    tracing.use(provider)
    try:
        tracing.begin("warm up").end()
        provider.force_flush()
        yield provider.force_flush
    finally:
        provider.shutdown()
        tracing.use(None)


def measure(world: World, ratio: float | None, endpoint: str, *, count: int) -> Measured:
    ids = [world.message(traceparent=tracing.new_trace(kept=ratio or 0)) for _ in range(count)]
    bodies: list[dict[str, object]] = []

    def send_all() -> None:
        Dispatcher(world.context).dispatch()
        for start in range(0, count, IDS_PER_TASK):
            with tracing.span("run/send_campaign_message"):
                world.send(*ids[start : start + IDS_PER_TASK])

    def receive_all() -> None:
        for body in bodies:
            receive(world, body)

    with traced(ratio, endpoint) as flush:
        texts = spent(send_all, flush)
        bodies += [world.receipt_for("delivered", message_id) for message_id in ids]
        flush()
        webhooks = spent(receive_all, flush)
    return texts / count * 1e6, webhooks / count * 1e6


def spent(work: Callable[[], object], flush: Callable[[], object]) -> float:
    """CPU seconds of this process for the work and for sending the spans it made."""
    began = time.process_time()
    work()
    flush()
    return time.process_time() - began


def receive(world: World, body: dict[str, object]) -> None:
    """One webhook from its bytes to its effect, with the spans of ingress, publisher and task around."""
    with tracing.span(SpanName.WEBHOOK_ACCEPT, {Attribute.HTTP_METHOD: "POST"}) as active:
        read = world.signed(body, traceparent=active.traceparent)
        [acceptance] = store_webhooks(world.context, [read])
        active.note({Attribute.VERDICT: acceptance.verdict, Attribute.INBOX_ID: acceptance.inbox_id})
        parent = active.traceparent
    assert acceptance.inbox_id is not None
    world.context.broker.enqueue(TaskName.PROCESS_WEBHOOK, [str(acceptance.inbox_id)], traceparent=parent)
    with tracing.span("run/process_webhook", parent=parent):
        handle_events(world.context, [acceptance.inbox_id])


def run(rounds: int, count: int) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {name: [] for name in VARIANTS}
    with ExitStack() as exits:
        base = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="tracing-")))
        guard = exits.enter_context(Guard())
        port, postgres_port, valkey_port = free_ports(3)
        cluster = prepare_postgres(base / "postgres", port=postgres_port, password=PASSWORD, durable=False)
        postgres = PostgresProcess(cluster, guard, base / "postgres.log")
        (base / "valkey").mkdir()
        prepared = prepare_valkey(base / "valkey", port=valkey_port, password=PASSWORD)
        valkey = ValkeyProcess(prepared, guard, base / "valkey.log")
        for server in (postgres, valkey):
            server.start()
            exits.callback(server.stop)
        url = postgres.create_database()
        upgrade(url)
        simulator = exits.enter_context(running_simulator(base, rate=10_000))
        endpoint = exits.enter_context(receiver(port))
        world = World(url, valkey.url, simulator, {"provider_rate": 1000, "account_daily_cap": 1_000_000})
        exits.callback(world.close)
        configure_logs(world.settings)  # lines as roles write them, with ids of traces
        measure(world, None, endpoint, count=count // 4)  # warm up
        for number in range(rounds):
            for name, ratio in sorted(VARIANTS.items(), reverse=number % 2 == 1):
                found[name].append(measure(world, ratio, endpoint, count=count))
    return found


@contextmanager
def receiver(port: int) -> Iterator[str]:
    """The laptop's receiver, in a process of its own."""
    environment = {**os.environ, "ATTACKACRACK_TRACE_RECEIVER_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "services.trace_receiver"], env=environment)
    try:
        while not _is_up(port):
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _is_up(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=200, help="texts and webhooks in a round")
    options = parser.parse_args()
    found = run(options.rounds, options.count)
    medians = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in found.items()}
    sys.stdout.write(f"CPU microseconds, medians of {options.rounds} rounds of {options.count}\n")
    for name, (text, webhook) in medians.items():
        against = [value / base - 1 for value, base in zip((text, webhook), medians["off"], strict=True)]
        sys.stdout.write(
            f"{name:>6}: text {text:6.0f} ({against[0]:+.1%}), webhook {webhook:6.0f} ({against[1]:+.1%})\n"
        )


if __name__ == "__main__":
    main()
