"""A whole stack in one data folder: from an empty folder to ready roles, `run.json`, and an orderly stop."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg

from services.cli.demo.provider import Simulator
from services.cli.laptop.aside import run_aside
from services.cli.laptop.guard import ENTER_AND_BECOME, Guard
from services.cli.laptop.identity import (
    DATABASE,
    WEBHOOK_ID,
    Identity,
    database_passwords,
    environment_of,
    load_identity,
    metrics_urls,
    read_settings_file,
    write_settings,
)
from services.cli.laptop.lock import FolderLock
from services.cli.laptop.postgres import prepare_postgres
from services.cli.laptop.process_table import ProcessEntry, read_families
from services.cli.laptop.processes import RoleSpec
from services.cli.laptop.role_log import SUPERVISOR, Log, terminal_log
from services.cli.laptop.roles import ledger_path, service_roles, simulator_role, store_roles, trace_roles
from services.cli.laptop.run_file import VERSION, RoleEntry, RunFile, WebhookSecrets, remove_run_file, write_run_file
from services.cli.laptop.supervisor import Supervisor, wait_at_most
from services.cli.laptop.valkey import prepare_valkey

REFRESH = timedelta(seconds=1)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Result = TypeVar("Result")
URLS = ("ingress", "console", "flower", "simulator", "traces", "database", "redis")


class StackStopped(Exception):
    """Somebody asked the stack to stop before it was ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """What the roles of a stack are made from."""

    data_dir: Path
    identity: Identity
    environment: Mapping[str, str]
    provider_rate: float
    lock: int
    """The descriptor of the folder's lock, for whoever writes there and could outlive us."""
    postgres_binaries: Path | None = None
    valkey_program: Path | None = None


Stages = Callable[[StackPlan], AsyncIterator[list[RoleSpec]]]
"""Yields roles that start together; it is resumed when they are ready, to prepare what the next ones need."""


async def laptop_stages(plan: StackPlan) -> AsyncIterator[list[RoleSpec]]:
    """The stores and the simulator; then, on a migrated database and with our webhook registered, our own roles.

    In the end what whoever reads `run.json` relies on: its token, and one clock for us and the provider.
    """
    ports, data_dir, base = plan.identity.ports, plan.data_dir, plan.environment
    cluster = await run_aside(
        prepare_postgres,
        data_dir / "postgres",
        port=ports["postgres"],
        password=plan.identity.postgres_password,
        binaries=plan.postgres_binaries,
        holding=(plan.lock,),
    )
    valkey = prepare_valkey(
        data_dir / "valkey", port=ports["valkey"], password=plan.identity.valkey_password, program=plan.valkey_program
    )
    simulator = simulator_role(plan.identity, data_dir=data_dir, provider_rate=plan.provider_rate, base=base)
    traces = trace_roles(plan.identity, data_dir=data_dir, base=base)
    yield [*store_roles(cluster, valkey, base=base), simulator, *traces]
    await run_aside(
        _migrate, cluster.url("postgres", driver="postgresql"), cluster.url(DATABASE), database_passwords(plan.identity)
    )
    webhook = {WEBHOOK_ID: await run_aside(_register_webhook, plan.identity)}
    write_settings(data_dir, read_settings_file(data_dir) | webhook)
    yield service_roles(plan.identity, data_dir=data_dir, base={**base, **webhook})
    await run_aside(_prepare, data_dir, plan.identity)


class Stack:
    """One stack: ready inside the block of `async with Stack(folder, provider_rate=8) as stack`, stopped after it.

    `provider_rate` is in requests a second, for the simulator and our limiter alike. Entering raises `FolderInUse`,
    `NoFreePort`, `PostgresUnavailable`, `ValkeyUnavailable`, `RoleDidNotStart`, or `StackStopped` when a signal comes
    first. The event loop must stay free inside the block: it reads what the roles print.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        provider_rate: float,
        port_base: int | None = None,
        log: Log | None = None,
        stages: Stages = laptop_stages,
        postgres_binaries: Path | None = None,
        valkey_program: Path | None = None,
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._provider_rate = provider_rate
        self._port_base = port_base
        self._log = log or terminal_log()
        self._stages = stages
        self._postgres_binaries = postgres_binaries
        self._valkey_program = valkey_program
        self._exits = AsyncExitStack()
        self._changed = asyncio.Event()
        self._stop_requested = asyncio.Event()
        self._hurry = asyncio.Event()
        self.run_file: RunFile

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as exits:
            self._watch_signals(exits)
            self._data_dir.mkdir(parents=True, mode=0o700, exist_ok=True)
            lock = exits.enter_context(await self._unless_stopped(run_aside(FolderLock, self._data_dir)))
            plan = self._prepare_folder(lock)
            guard = exits.enter_context(Guard(holding=(lock.fileno(),)))
            exits.callback(_end_children, guard)
            self._supervisor = Supervisor(
                guard=guard, logs=self._data_dir / "logs", log=self._log, changed=self._changed.set
            )
            exits.push_async_callback(self._supervisor.stop, hurry=self._hurry)
            await self._unless_stopped(self._start(plan))
            self.run_file = await self._describe(plan.identity)
            write_run_file(self._data_dir, self.run_file)
            exits.callback(remove_run_file, self._data_dir)
            refreshing = asyncio.create_task(self._keep_describing(plan.identity))
            exits.push_async_callback(_cancel, refreshing)
            self._exits = exits.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.aclose()

    async def wait_stopped(self) -> None:
        """Return when a signal, or `request_stop`, asks the stack to stop; leaving the block then stops it."""
        await self._stop_requested.wait()

    def request_stop(self) -> None:
        """Ask the stack to stop; asked twice, its roles are not waited for."""
        if self._stop_requested.is_set():
            self._hurry.set()
        self._stop_requested.set()

    def _watch_signals(self, exits: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.request_stop)
            exits.callback(loop.remove_signal_handler, number)

    def _prepare_folder(self, lock: FolderLock) -> StackPlan:
        remove_run_file(self._data_dir)  # of a stack that was killed
        for name in ("logs", "simulator"):
            (self._data_dir / name).mkdir(mode=0o700, exist_ok=True)
        identity = load_identity(self._data_dir, port_base=self._port_base)
        settings = environment_of(identity, data_dir=self._data_dir, provider_rate=self._provider_rate)
        write_settings(self._data_dir, settings)
        return StackPlan(
            data_dir=self._data_dir,
            identity=identity,
            environment={**os.environ, **settings},
            provider_rate=self._provider_rate,
            lock=lock.fileno(),
            postgres_binaries=self._postgres_binaries,
            valkey_program=self._valkey_program,
        )

    async def _unless_stopped(self, work: Coroutine[Any, Any, Result]) -> Result:
        working = asyncio.create_task(work)
        stopped = asyncio.create_task(self._stop_requested.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if self._stop_requested.is_set():
                raise StackStopped("stopped before it was ready")
            return await working
        finally:
            await _cancel(stopped)
            await _cancel(working)

    async def _start(self, plan: StackPlan) -> None:
        async for specs in self._stages(plan):
            await self._supervisor.start(specs)

    async def _keep_describing(self, identity: Identity) -> None:
        while True:
            await wait_at_most(self._changed, REFRESH)
            self._changed.clear()
            described = await self._describe(identity)
            if described != self.run_file:
                try:
                    write_run_file(self._data_dir, described)
                except OSError as error:
                    self._log(SUPERVISOR, f"run.json could not be written: {error}")
                    continue
                self.run_file = described

    async def _describe(self, identity: Identity) -> RunFile:
        processes = self._supervisor.processes()
        families = await asyncio.to_thread(read_families, [process.pid for process in processes.values()])
        return RunFile(
            version=VERSION,
            urls={name: identity.url(name) for name in URLS},
            roles={name: _role_entry(process, families.get(process.pid)) for name, process in processes.items()},
            simulator_ledger=str(ledger_path(self._data_dir)),
            webhook_secrets=WebhookSecrets(identity.webhook_secret_standard, identity.webhook_secret_legacy),
            api_token=identity.api_token,
            metrics=metrics_urls(identity),
        )


def _role_entry(started: ProcessEntry, family: tuple[ProcessEntry, ...] | None) -> RoleEntry:
    itself, *children = family or (started,)
    # In its first moment a role is still the shell that enters it in the guard.
    command = started.command if ENTER_AND_BECOME in itself.command or not itself.command else itself.command
    return RoleEntry(pid=started.pid, command=command, children=tuple(children))


def _migrate(maintenance_url: str, database_url: str, passwords: Mapping[str, str]) -> None:
    from services.core.storage.migrate import upgrade

    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())
    upgrade(database_url, passwords=passwords)


def _prepare(data_dir: Path, identity: Identity) -> None:
    from services.cli.demo.prepare import prepare

    prepare(data_dir, identity)


def _register_webhook(identity: Identity) -> str:
    """Have the simulator deliver to our ingress, and answer the webhook's id. Raises `SimulatorUnavailable`."""
    simulator = Simulator(identity.url("simulator"))
    try:
        return simulator.register_webhook(identity.local_ingress, key=identity.webhook_secret_standard)
    finally:
        simulator.close()


def _end_children(guard: Guard) -> None:
    """End what is no role and runs still: what makes the cluster, when it was cut off in the middle of it."""
    for each in read_families([os.getpid()])[os.getpid()]:
        if each.pid not in (os.getpid(), guard.pid):
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # it is known, or came too late for anybody
