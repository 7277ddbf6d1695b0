"""Keeps roles running: starts them, waits until they are ready, restarts what ends, and stops all in order."""

import asyncio
import shlex
import signal
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from services.cli.laptop.guard import Guard
from services.cli.laptop.patience import StartPatience
from services.cli.laptop.process_table import ProcessEntry, processor_seconds
from services.cli.laptop.processes import RoleProcess, RoleSpec, start_process
from services.cli.laptop.role_log import SUPERVISOR, Log, RoleLog

POLL = timedelta(milliseconds=50)
LOOK_EVERY = timedelta(seconds=2)
EARLY_ENDS_LIMIT = 3
FIRST_PAUSE = timedelta(milliseconds=500)
LONGEST_PAUSE = timedelta(seconds=15)
CALM = timedelta(seconds=30)
"""A run of this length clears the record: the next restart waits only `FIRST_PAUSE` again."""

STOPS_WITHIN = timedelta(seconds=8)
"""Whatever the roles do: somebody waits at a terminal. What is killed is taken up by the next run."""

KEPT_FOR_EACH_RANK = timedelta(seconds=1.2)
DEATH_TAKES = timedelta(seconds=0.3)


class RoleDidNotStart(Exception):
    """A role ended again and again, or does not become ready; the text names it and its log."""


class Supervisor:
    """Runs roles on the current event loop. `changed` is called whenever a role has a new process."""

    def __init__(self, *, guard: Guard, logs: Path, log: Log, changed: Callable[[], None]) -> None:
        self._guard = guard
        self._logs = logs
        self._log = log
        self._changed = changed
        self._roles: dict[str, _Role] = {}

    def processes(self) -> dict[str, ProcessEntry]:
        """The process of each role; of a role that is down, the one it had."""
        started = (role for role in self._roles.values() if role.pid)
        return {role.spec.name: ProcessEntry(role.pid, shlex.join(role.spec.command)) for role in started}

    async def start(self, specs: Iterable[RoleSpec]) -> None:
        """Start these roles together and return when all are ready, on a busy machine however late.

        Raises `RoleDidNotStart`.
        """
        started = [self._add(spec) for spec in specs]
        await asyncio.gather(*(self._first_ready(role) for role in started))

    async def stop(self, *, hurry: asyncio.Event | None = None) -> None:
        """Stop the roles rank by rank, then kill; at once when `hurry` is set, and all of it in `STOPS_WITHIN`.

        Each rank has its roles' grace, and no more than leaves `KEPT_FOR_EACH_RANK` to each that comes after it.
        """
        now = asyncio.get_running_loop().time
        ends_at = now() + STOPS_WITHIN.total_seconds()
        by_rank = [list(rank) for _, rank in groupby(sorted(self._roles.values(), key=_stop_rank), key=_stop_rank)]
        for number, rank in enumerate(by_rank, start=1):
            left = ends_at - now() - (len(by_rank) - number) * KEPT_FOR_EACH_RANK.total_seconds()
            await asyncio.gather(*(self._stop_role(role, hurry or asyncio.Event(), max(left, 0)) for role in rank))

    def _add(self, spec: RoleSpec) -> "_Role":
        role = _Role(spec, RoleLog(spec.name, self._logs / f"{spec.name}.log", self._log))
        role.keeper = asyncio.create_task(self._keep_running(role), name=f"keep {spec.name}")
        self._roles[spec.name] = role
        return role

    async def _first_ready(self, role: "_Role") -> None:
        patience, loop = StartPatience(), asyncio.get_running_loop()
        while not role.first_ready.done():
            await asyncio.wait({role.first_ready}, timeout=LOOK_EVERY.total_seconds())
            worked = await asyncio.to_thread(processor_seconds, role.pid)
            why = patience.ended(now=loop.time(), worked=worked)
            if why and not role.first_ready.done():
                raise RoleDidNotStart(f"{role.spec.name}: {why}, see {self._logs / role.spec.name}.log")
        role.first_ready.result()

    async def _keep_running(self, role: "_Role") -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            started = loop.time()
            ending = await self._run_once(role)
            if role.stopping.is_set():
                return
            ran = timedelta(seconds=loop.time() - started)
            pause = FIRST_PAUSE if ran > CALM else pause
            again = f"restarting it in {pause.total_seconds():g} s"
            self._log(SUPERVISOR, f"{role.spec.name} {ending} after {ran.total_seconds():.1f} s, {again}")
            role.count_end(self._logs)
            await wait_at_most(role.stopping, pause)
            if role.stopping.is_set():
                return
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _run_once(self, role: "_Role") -> str:
        try:
            process = await start_process(role.spec, guard=self._guard, output=role.log.descriptor)
        except OSError as error:
            return f"could not be started ({error})"
        role.process, role.pid = process, process.pid
        self._changed()
        if role.stopping.is_set():
            process.ask_to_stop()
        readiness = asyncio.create_task(self._watch_readiness(role))
        ending = await process.wait()
        role.process = None
        readiness.cancel()
        await asyncio.wait({readiness})
        return ending

    async def _watch_readiness(self, role: "_Role") -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        while not await asyncio.to_thread(role.spec.is_ready, role.pid):
            await asyncio.sleep(POLL.total_seconds())
        self._log(SUPERVISOR, f"{role.spec.name} is ready after {loop.time() - started:.1f} s")
        if not role.first_ready.done():
            role.first_ready.set_result(None)

    async def _stop_role(self, role: "_Role", hurry: asyncio.Event, left: float) -> None:
        role.stopping.set()
        if role.process is not None:
            role.process.ask_to_stop()
        hurrying = asyncio.create_task(hurry.wait())
        grace = min(role.spec.grace.total_seconds(), left)
        await asyncio.wait({role.keeper, hurrying}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if not role.keeper.done() and role.process is not None:
            self._log(SUPERVISOR, f"{role.spec.name} did not stop in time, killing it")
            await self._kill(role, role.process)
        await role.keeper
        role.log.close()

    async def _kill(self, role: "_Role", process: RoleProcess) -> None:
        """By the signal that takes its children along, and by the one that nothing withstands."""
        for number in (role.spec.death_signal, signal.SIGKILL):
            process.kill(with_signal=number)
            await asyncio.wait({role.keeper}, timeout=DEATH_TAKES.total_seconds())
            if role.keeper.done():
                return


async def wait_at_most(event: asyncio.Event, duration: timedelta) -> None:
    """Return when the event is set, or after `duration`."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({waiting}, timeout=duration.total_seconds())
    waiting.cancel()


class _Role:
    def __init__(self, spec: RoleSpec, log: RoleLog) -> None:
        self.spec = spec
        self.log = log
        self.pid = 0
        self.process: RoleProcess | None = None
        self.keeper: asyncio.Task[None]
        self.stopping = asyncio.Event()
        self.first_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.early_ends = 0

    def count_end(self, logs: Path) -> None:
        """Give the start up when the role ended too often before it was ever ready."""
        self.early_ends += 1
        if self.early_ends >= EARLY_ENDS_LIMIT and not self.first_ready.done():
            text = f"{self.spec.name} ended {self.early_ends} times at its start, see {logs / self.spec.name}.log"
            self.first_ready.set_exception(RoleDidNotStart(text))


def _stop_rank(role: _Role) -> int:
    return role.spec.stop_rank
