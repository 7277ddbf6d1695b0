"""Free ports on loopback, below the range from which the system takes the ports of outgoing connections."""

import random
import socket
from collections.abc import Collection, Iterator

FIRST, LAST = 20_000, 32_000


class NoFreePort(Exception):
    """Every port that was tried is taken."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int, *, base: int | None = None, but_not: Collection[int] = ()) -> list[int]:
    """`count` free ports that are not among `but_not`: the first ones from `base` upwards, or any.

    Raises `NoFreePort`.
    """
    chosen: list[int] = []
    for port in _candidates(base):
        if len(chosen) == count:
            break
        if port not in but_not and is_free(port):
            chosen.append(port)
    if len(chosen) < count:
        raise NoFreePort(f"no {count} free ports on 127.0.0.1" + (f" from {base} upwards" if base else ""))
    return chosen


def _candidates(base: int | None) -> Iterator[int]:
    if base is not None:
        return iter(range(base, min(base + 1000, 65_536)))
    return iter(random.sample(range(FIRST, LAST), 1000))
