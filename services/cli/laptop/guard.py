"""A watcher that ends our child processes when we are killed so hard that we cannot end them ourselves.

It is a process of its own in a session of its own. Every child enters itself in the watcher's pipe before it becomes
its program, so there is no moment at which a child exists and the watcher does not know it. When the pipe closes
because its owner is gone, the watcher ends each process group that is still entered.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from signal import Signals
from types import TracebackType
from typing import Self

GRACE_SECONDS = 10.0
ENTER_AND_BECOME = 'echo "+ $$ $0"; exec "$@" </dev/null >&2'
"""Run by the shell with the watcher's pipe as its standard output; the program gets standard error for both."""


@dataclass(frozen=True, slots=True)
class GuardedCommand:
    """A command line that enters itself, and the descriptor it needs as standard output to do so."""

    command: tuple[str, ...]
    stdout: int


class Guard:
    """Owns the watcher and knows which of our children are entered in it.

    The watcher keeps the descriptors `holding` open: a file lock among them is held until the last child has ended.
    """

    def __init__(self, *, holding: tuple[int, ...] = ()) -> None:
        self._holding = holding
        self._entered: dict[int, Signals] = {}
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._watcher.pid

    def guarded(self, command: Sequence[str], *, ends_with: Signals = signal.SIGKILL) -> GuardedCommand:
        """The command to start instead of `command`, in a new session and with `stdout` as its standard output.

        What the program prints goes to its standard error. Call `entered` when it runs and `left` when it was reaped.
        """
        if self._watcher.poll() is not None:
            os.close(self._pipe)
            self._start()
        shell = ("/bin/sh", "-c", ENTER_AND_BECOME, str(int(ends_with)), *command)
        return GuardedCommand(command=shell, stdout=self._pipe)

    def entered(self, pid: int, *, ends_with: Signals = signal.SIGKILL) -> None:
        self._entered[pid] = ends_with

    def left(self, pid: int) -> None:
        """Take a reaped process off the list, so that its number may belong to somebody else."""
        self._entered.pop(pid, None)
        # A watcher that was killed itself is replaced, with the current list, at the next start.
        with suppress(BrokenPipeError):
            os.write(self._pipe, f"- {pid}\n".encode())

    def close(self) -> None:
        """Let the watcher end what is still entered, and wait for it."""
        os.close(self._pipe)
        self._watcher.wait()

    def _start(self) -> None:
        reading, self._pipe = os.pipe()
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=self._holding,
        )
        os.close(reading)
        for pid, ends_with in self._entered.items():
            os.write(self._pipe, f"+ {pid} {int(ends_with)}\n".encode())


def watch() -> None:
    """Read entries until the owner is gone, then end what is left of them."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    entered: dict[int, int] = {}
    for line in sys.stdin:
        sign, pid, *ends_with = line.split()
        if sign == "+":
            entered[int(pid)] = int(ends_with[0])
        else:
            entered.pop(int(pid), None)
    for pid, number in entered.items():
        signal_group(pid, Signals(number))
    deadline = time.monotonic() + GRACE_SECONDS
    while any(signal_group(pid, None) for pid in entered) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in entered:
        signal_group(pid, signal.SIGKILL)


def signal_group(pid: int, number: Signals | None) -> bool:
    """Signal the process group that `pid` leads (`None` only asks); whether it still exists."""
    try:
        os.killpg(pid, number or 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    watch()
