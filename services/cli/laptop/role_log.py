"""What a role prints: kept in a file of bounded size, and passed on line by line."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TextIO

from services.cli.laptop.terminal_line import terminal_line

Log = Callable[[str, str], None]
"""Takes who speaks (a role, or `SUPERVISOR`) and one line."""

SUPERVISOR = "supervisor"
FILE_LIMIT = 5 * 1024 * 1024
LINE_LIMIT = 64 * 1024
COMPLAIN_EVERY_SECONDS = 60
COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
NAME_WIDTH = 18


def terminal_log(stream: TextIO | None = None) -> Log:
    """Prints a role's lines for a person when it writes to a terminal; elsewhere only our own.

    Without a stream it writes to whatever standard error is at the moment: a progress bar puts itself in between.
    """
    colours: dict[str, int] = {}
    is_terminal = (stream or sys.stderr).isatty()

    def write(source: str, line: str) -> None:
        out = stream or sys.stderr
        if not is_terminal:
            if source == SUPERVISOR:
                out.write(f"{line}\n")
            return
        shown = line if source == SUPERVISOR else terminal_line(source, line)
        if shown is not None:
            colour = colours.setdefault(source, COLOURS[len(colours) % len(COLOURS)])
            out.write(f"\x1b[{colour}m{source:<{NAME_WIDTH}}\x1b[0m {shown}\n")

    return write


class RoleLog:
    """A pipe that all runs of one role write into, read by the running event loop."""

    def __init__(self, name: str, path: Path, log: Log) -> None:
        self._name = name
        self._path = path
        self._log = log
        self._file = path.open("ab", buffering=0)
        self._unfinished = b""
        self._complained_at = float("-inf")
        self._reading, self.descriptor = os.pipe()
        os.set_blocking(self._reading, False)
        asyncio.get_running_loop().add_reader(self._reading, self._read)

    def close(self) -> None:
        """Take what is still in the pipe and stop reading; a process that still writes is not waited for."""
        asyncio.get_running_loop().remove_reader(self._reading)
        while self._read():
            pass
        if self._unfinished:
            self._pass_on(self._unfinished)
        for descriptor in (self._reading, self.descriptor):
            os.close(descriptor)
        self._file.close()

    def _read(self) -> bool:
        try:
            chunk = os.read(self._reading, LINE_LIMIT)
        except BlockingIOError:
            return False
        self._keep(chunk)
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        for line in lines:
            self._pass_on(line)
        if len(self._unfinished) > LINE_LIMIT:
            self._pass_on(self._unfinished)
            self._unfinished = b""
        return True

    def _keep(self, chunk: bytes) -> None:
        """Write it down. A disk that is full costs these lines and nothing else: the role must not wait for its log."""
        try:
            if self._file.tell() + len(chunk) > FILE_LIMIT:
                self._begin_anew()
            self._file.write(chunk)
        except OSError as error:
            if monotonic() - self._complained_at >= COMPLAIN_EVERY_SECONDS:
                self._complained_at = monotonic()
                self._log(SUPERVISOR, f"{self._name}'s log can't be written ({error.strerror}), its lines are lost")

    def _begin_anew(self) -> None:
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        full, self._file = self._file, self._path.open("ab", buffering=0)
        full.close()

    def _pass_on(self, line: bytes) -> None:
        self._log(self._name, line.decode(errors="replace").rstrip("\r"))
