"""The webhook ingress against the naive endpoint: `python -m tests.benchmarks.ingress`.

Both are real processes on one machine, alternated; ours answers after a commit to disk, the naive one holds nothing
durably. Per round: as fast as 32 connections go, then an open loop at a fixed rate, where a late start counts as
latency. Medians of the rounds. CPU is the server's own and, for ours, PostgreSQL's.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from services.cli.laptop.guard import Guard
from services.cli.laptop.ports import free_ports
from services.cli.laptop.postgres import prepare_postgres
from services.cli.laptop.valkey import prepare_valkey
from services.core.storage.migrate import upgrade
from tests.conftest import PASSWORD, PostgresProcess, ValkeyProcess
from tests.tools.http_role import ROOT, free_port
from tests.tools.ingress import STANDARD, RunningIngress, body_of, received, signed_request
from tests.tools.waiting import wait_until

CONNECTIONS = 32
RECEIPTS_PER_REPLY = 4
"""Most of what comes in are receipts of what was sent; to read a person's text takes longer."""

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run: answers a second, milliseconds, and CPU microseconds for each answer."""

    rate: float
    p50: float
    p99: float
    server_cpu: float
    database_cpu: float


class Client(asyncio.Protocol):
    """One connection that has one request under way at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._answered: asyncio.Future[None] | None = None
        self._content = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._content += data
        if not self._content.endswith(b"}") or self._answered is None:
            return
        if self._content.startswith(b"HTTP/1.1 200 "):
            self._answered.set_result(None)
        else:
            self._answered.set_exception(AssertionError(self._content.decode()))

    async def deliver(self, content: bytes) -> None:
        self._content = b""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(content)
        await self._answered

    def close(self) -> None:
        self._transport.close()


async def run_load(port: int, requests: list[bytes], *, rate: float | None) -> tuple[float, list[float]]:
    """Seconds in all and of each request; with a `rate` they start by the clock, whoever is still waiting."""
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(Client, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    began = loop.time()
    waiting = iter(enumerate(requests))
    took: list[float] = []

    async def use(client: Client) -> None:
        for number, content in waiting:
            due = began + number / rate if rate else loop.time()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            await client.deliver(content)
            took.append(loop.time() - due)

    await asyncio.gather(*(use(client) for client in clients))
    seconds = loop.time() - began
    for client in clients:
        client.close()
    return seconds, took


def measure(port: int, pid: int, postgres_pid: int, *, count: int, rate: float | None) -> Measurement:
    requests = [signed_request(body_of(event(number))) for number in range(count)]
    server, database = cpu_seconds(pid), family_cpu_seconds(postgres_pid)
    seconds, took = uvloop.run(run_load(port, requests, rate=rate))
    return Measurement(
        rate=count / seconds,
        p50=statistics.median(took) * 1e3,
        p99=statistics.quantiles(took, n=100)[98] * 1e3,
        server_cpu=(cpu_seconds(pid) - server) / count * 1e6,
        database_cpu=(family_cpu_seconds(postgres_pid) - database) / count * 1e6,
    )


def event(number: int) -> dict[str, Any]:
    document = received("Yes, 3pm works for me.")
    if number % (RECEIPTS_PER_REPLY + 1):
        document["type"] = "message.delivered"
        document["data"]["resource"] |= {"direction": "outgoing", "status": "delivered"}
    return document


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def family_cpu_seconds(pid: int) -> float:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + sum(cpu_seconds(int(child)) for child in children)


@contextmanager
def naive_server(redis_url: str) -> Iterator[tuple[int, int]]:
    """Port and process id of the naive endpoint."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.benchmarks.naive.webhook_app:app", "--no-access-log"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--log-level", "warning"],
        env=os.environ | {"NAIVE_REDIS_URL": redis_url, "NAIVE_SECRET": STANDARD},
        cwd=ROOT,
    )
    try:
        wait_until(lambda: is_open(port), within=30)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def our_server(folder: Path, *, database_url: str, redis_url: str) -> Iterator[tuple[int, int]]:
    """Port and process id of the ingress."""
    ingress = RunningIngress(folder, database_url=database_url, redis_url=redis_url, log_level="WARNING")
    ingress.start()
    try:
        yield ingress.port, ingress.pid
    finally:
        ingress.close()


def medians(measured: list[Measurement]) -> Measurement:
    columns = zip(*(asdict(each).values() for each in measured), strict=True)
    return Measurement(*(statistics.median(column) for column in columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=3000, help="deliveries of each run")
    parser.add_argument("--rate", type=float, default=500, help="deliveries a second of the open loop")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results: dict[str, list[Measurement]] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, Guard() as guard, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        ports = free_ports(2)
        postgres = PostgresProcess(
            prepare_postgres(folder / "data", port=ports[0], password=PASSWORD), guard, folder / "postgres.log"
        )
        valkey = ValkeyProcess(prepare_valkey(folder, port=ports[1], password=PASSWORD), guard, folder / "valkey.log")
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        url = postgres.create_database()
        upgrade(url)
        servers = {
            "naive": stack.enter_context(naive_server(valkey.url)),
            "ours": stack.enter_context(our_server(folder, database_url=url, redis_url=valkey.url)),
        }
        for _ in range(options.rounds):
            for who, (port, pid) in servers.items():
                for how, rate in (("full speed", None), (f"{options.rate:g}/s", options.rate)):
                    measured = measure(port, pid, postgres.pid, count=options.count, rate=rate)
                    results.setdefault(f"{who}, {how}", []).append(measured)
    report({name: medians(measured) for name, measured in results.items()}, as_json=options.json)


def report(rows: dict[str, Measurement], *, as_json: bool) -> None:
    console = Console()
    if as_json:
        console.print_json(json.dumps({name: asdict(row) for name, row in rows.items()}))
        return
    table = Table("server", "answers/s", "p50 ms", "p99 ms", "server CPU-µs", "PostgreSQL CPU-µs")
    for name, row in rows.items():
        cells = (row.rate, row.p50, row.p99, row.server_cpu, row.database_cpu)
        table.add_row(name, *(f"{cell:,.1f}" if cell < 100 else f"{cell:,.0f}" for cell in cells))
    console.print(table)
    naive, ours = rows["naive, full speed"], rows["ours, full speed"]
    ratio, share = ours.rate / naive.rate, ours.server_cpu / naive.server_cpu
    console.print(f"{ratio:.1f} x the naive rate, {share:.2f} of its server CPU, {ours.p99 / naive.p99:.2f} of its p99")


if __name__ == "__main__":
    main()
