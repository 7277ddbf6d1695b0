"""Which pool processes are working now: one byte each, shared with the main process.

At a shutdown the main process has stopped reading results, so this is how it learns that the work is done.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager

from billiard.process import current_process

MAX_PROCESSES = 1024

_flags = mmap.mmap(-1, MAX_PROCESSES)


@contextmanager
def working() -> Iterator[None]:
    """Mark this pool process as working meanwhile."""
    slot = _slot()
    _flags[slot] = 1
    try:
        yield
    finally:
        _flags[slot] = 0


def start_idle() -> None:
    """Clear what a killed predecessor in the same place left behind."""
    _flags[_slot()] = 0


def is_anyone_working() -> bool:
    return any(_flags[:])


def _slot() -> int:
    index: int = getattr(current_process(), "index", 0) or 0
    return index % MAX_PROCESSES
