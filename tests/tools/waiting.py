"""Waiting for what must come, with a bound that only gives up: how long it takes is the machine's."""

import time
from collections.abc import Callable
from typing import TypeVar

from services.core.storage.database import DatabaseUnavailable

Answer = TypeVar("Answer")
Awaited = TypeVar("Awaited")

LOOK_EVERY = 0.01
GIVE_UP_AFTER = 60.0
"""Seconds. What takes longer on a busy machine than it should isn't a defect; what never comes is one."""


def wait_until(
    condition: Callable[[], Awaited],
    *,
    within: float = GIVE_UP_AFTER,
    every: float = LOOK_EVERY,
    what: str | Callable[[], str] = "it is not so",
) -> Awaited:
    """What `condition` returns once it is true, looked at every so many seconds.

    Raises `AssertionError` after `within` seconds, with `what`. A condition raises by itself when it can't come true
    any more, since the process that would make it so has ended.
    """
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {within:g} s: {what if isinstance(what, str) else what()}"
        time.sleep(every)
    return found


def until_answered(act: Callable[[], Answer]) -> Answer:
    """Do it as its caller would, who is told to come again while the database or a lock keeps it waiting."""
    while True:
        try:
            return act()
        except DatabaseUnavailable:
            continue
