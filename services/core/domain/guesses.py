"""Wrong passwords and tokens, counted by where they come from: given the time, in bounded memory, kept by each process.

After `FAILED_AT_MOST` of them within a minute their place has to wait until that minute is over.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

FAILED_AT_MOST = 10
MINUTE = timedelta(minutes=1)
PLACES_AT_MOST = 4096
NOBODY = "unknown"
IPV6_NETWORK_BITS = 64  # what one subscriber has to themselves


@dataclass(slots=True)
class _Failures:
    """How many there were in the minute that began at `since`."""

    since: float
    count: int = 0


class Guesses:
    """`now` is seconds of a clock that only goes forward; places are what `place_of` answers."""

    def __init__(self, *, at_most: int = FAILED_AT_MOST) -> None:
        self.at_most = at_most
        self._by_place: OrderedDict[str, _Failures] = OrderedDict()

    def wait(self, place: str, *, now: float) -> timedelta:
        """How long nothing that comes from there is even compared; zero where the next one is."""
        made = self._by_place.get(place)
        if made is None or made.count < self.at_most:
            return timedelta()
        return max(timedelta(seconds=made.since - now) + MINUTE, timedelta())

    def failed(self, place: str, *, now: float) -> None:
        """Count one. The place that failed longest ago is forgotten when there are too many."""
        made = self._by_place.setdefault(place, _Failures(now))
        self._by_place.move_to_end(place)
        if now >= made.since + MINUTE.total_seconds():
            made.since, made.count = now, 0
        made.count += 1
        if len(self._by_place) > PLACES_AT_MOST:
            self._by_place.popitem(last=False)


def place_of(address: str) -> str:
    """The address, of IPv6 the network that one subscriber has to themselves."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return NOBODY
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))
    return str(parsed)
