"""Named points where a drill may kill, stop, raise or delay this process; inert unless a drill asked for it.

`ATTACKACRACK_FAILPOINTS="after_submit=kill@3;before_record=sleep(30)"`: the third pass of `after_submit` kills the
process. Settings refuse the variable for a real provider, so a production process can't have one.
"""

import os
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass

FORM = re.compile(r"(?P<name>[a-z_0-9]+)=(?P<action>kill|stop|raise|sleep)(\((?P<seconds>[\d.]+)\))?(@(?P<nth>\d+))?")

REMEDY = "write name=kill|stop|raise|sleep(seconds), with @n for the n-th pass"


class FailpointRaised(Exception):
    """A drill asked this point to fail."""


class FailpointsInvalid(Exception):
    """The variable's text does not say what to do where."""


@dataclass(frozen=True, slots=True)
class Failpoint:
    action: str
    seconds: float
    nth: int


_active: dict[str, Failpoint] = {}
_passes: Counter[str] = Counter()


def arm(specification: str) -> None:
    """Set the points of this process; an empty text disarms them all. Raises `FailpointsInvalid`."""
    _active.clear()
    _passes.clear()
    for place, part in enumerate(filter(None, specification.split(";")), start=1):
        match = FORM.fullmatch(part.strip())
        if match is None:
            raise FailpointsInvalid(f"ATTACKACRACK_FAILPOINTS: the {place}. part is not one: {REMEDY}")
        _active[match["name"]] = Failpoint(match["action"], float(match["seconds"] or 0), int(match["nth"] or 1))


def passes(name: str) -> int:
    """How often the armed point `name` was passed since it was armed."""
    return _passes[name]


def reach(name: str) -> None:
    """Pass the point `name`: nothing happens unless a drill armed it for this pass."""
    point = _active.get(name)
    if point is None:
        return
    _passes[name] += 1
    if _passes[name] != point.nth:
        return
    match point.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "sleep":
            time.sleep(point.seconds)
        case _:
            raise FailpointRaised(name)
