"""One role as a process: how it is started, asked, signalled and ended."""

import asyncio
import shutil
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from signal import Signals

from services.cli.laptop.guard import Guard, signal_group
from services.cli.laptop.postgres import Unprivileged
from services.cli.laptop.readiness import Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSpec:
    """What a role is: its command and environment, how it says that it is ready, and how it wants to be ended.

    Roles with a lower `stop_rank` are ended, and waited for, first. `run_dir` is emptied at every start.
    """

    name: str
    command: tuple[str, ...]
    is_ready: Probe
    environment: Mapping[str, str]
    stop_rank: int = 0
    stop_signal: Signals = signal.SIGTERM
    death_signal: Signals = signal.SIGKILL
    grace: timedelta = timedelta(seconds=10)
    run_dir: Path | None = None
    working_dir: Path = Path("/")
    unprivileged: Unprivileged = field(default_factory=Unprivileged)


class RoleProcess:
    """One run of a role."""

    def __init__(self, spec: RoleSpec, process: Process, guard: Guard) -> None:
        self._spec = spec
        self._process = process
        self._guard = guard

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> str:
        """Wait for its end, end what it left in its process group, and say how it ended."""
        code = await self._process.wait()
        signal_group(self.pid, signal.SIGKILL)
        self._guard.left(self.pid)
        return f"was ended by {Signals(-code).name}" if code < 0 else f"exited with {code}"

    def ask_to_stop(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(self._spec.stop_signal)

    def kill(self, *, with_signal: Signals = signal.SIGKILL) -> None:
        signal_group(self.pid, with_signal)


async def start_process(spec: RoleSpec, *, guard: Guard, output: int) -> RoleProcess:
    """Start the role with an empty run folder; both its outputs go to the descriptor `output`."""
    if spec.run_dir is not None:
        shutil.rmtree(spec.run_dir, ignore_errors=True)
        spec.run_dir.mkdir(parents=True, mode=0o700)
    guarded = guard.guarded(spec.command, ends_with=spec.death_signal)
    process = await asyncio.create_subprocess_exec(
        *guarded.command,
        stdin=DEVNULL,
        stdout=guarded.stdout,
        stderr=output,
        env=spec.environment,
        cwd=spec.working_dir,
        start_new_session=True,
        user=spec.unprivileged.user_id,
        group=spec.unprivileged.group_id,
        extra_groups=spec.unprivileged.extra_groups,
    )
    guard.entered(process.pid, ends_with=spec.death_signal)
    return RoleProcess(spec, process, guard)
