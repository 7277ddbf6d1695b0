"""One stack per data folder."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

NAME = "lock"
PATIENCE_SECONDS = 15.0
POLL_SECONDS = 0.05


class FolderInUse(Exception):
    """Another stack holds the folder; the text names its process."""


class FolderLock:
    """Held from its making to the end of its block, and by the guard until the last child has ended."""

    def __init__(self, data_dir: Path) -> None:
        """Take the folder's lock; what is left of a killed stack is waited for. Raises `FolderInUse`."""
        self._file = (data_dir / NAME).open("a+")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _is_taken(self._file):
            self._file.seek(0)
            holder = self._file.read().strip()
            if _is_alive(holder) or time.monotonic() > deadline:
                self._file.close()
                raise FolderInUse(f"{data_dir} is in use by process {holder or 'unknown'}")
            time.sleep(POLL_SECONDS)
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def fileno(self) -> int:
        return self._file.fileno()


def is_held(data_dir: Path) -> bool:
    """Whether a stack, or what is left of one, holds the folder now."""
    try:
        with (data_dir / NAME).open("r+") as file:
            return not _is_taken(file)
    except FileNotFoundError:
        return False


def _is_taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(holder: str) -> bool:
    try:
        os.kill(int(holder), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True
