"""Waiting for what must come, with a bound that only gives up: how long it takes is the machine's."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from services.core.storage.database import DatabaseUnavailable

Answer = TypeVar("Answer")

GIVE_UP_AFTER = 60.0
"""Seconds. What takes longer on a busy machine than it should isn't a defect; what never comes is one."""


def wait_until(condition: Callable[[], Any], *, within: float = GIVE_UP_AFTER) -> Any:
    """What `condition` answers once it is true; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.01)
    return answer


def until_answered(act: Callable[[], Answer]) -> Answer:
    """Do it as its caller would, who is told to come again while the database or a lock keeps it waiting."""
    while True:
        try:
            return act()
        except DatabaseUnavailable:
            continue
