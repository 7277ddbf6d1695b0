"""Local opening hours as half-open intervals of real time, and the arithmetic on them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


class Interval(NamedTuple):
    """From `opens_at` up to, but not including, `closes_at`; both in UTC."""

    opens_at: datetime
    closes_at: datetime


def local_interval(
    day: date, opens: time, closes: time, *, zone: str, closes_next_day: bool = False
) -> Interval | None:
    """The part of `day` in `zone` from `opens` to `closes`, or None where a clock change leaves nothing of it.

    A time that the night of a clock change shows twice is inside only if both readings are: an opening takes the later
    one, a closing the earlier. A time that is skipped is the instant of the change.
    """
    last_day = day + DAY if closes_next_day else day
    interval = Interval(_instant(day, opens, zone, later=True), _instant(last_day, closes, zone, later=False))
    return interval if interval.opens_at < interval.closes_at else None


def intersect(first: Sequence[Interval], second: Sequence[Interval]) -> list[Interval]:
    """The common parts of two ordered lists of disjoint intervals, ordered."""
    common = []
    i = j = 0
    while i < len(first) and j < len(second):
        opens_at = max(first[i].opens_at, second[j].opens_at)
        closes_at = min(first[i].closes_at, second[j].closes_at)
        if opens_at < closes_at:
            common.append(Interval(opens_at, closes_at))
        if first[i].closes_at <= second[j].closes_at:
            i += 1
        else:
            j += 1
    return common


def utc_day(day: date) -> Interval:
    midnight = datetime.combine(day, time.min, UTC)
    return Interval(midnight, midnight + DAY)


@lru_cache(maxsize=65_536)
def _instant(day: date, at: time, zone: str, *, later: bool) -> datetime:
    local = datetime.combine(day, at, ZoneInfo(zone))
    first, second = local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if first > second:
        return _clock_change(second, first, zone)
    return second if later else first


def _clock_change(before: datetime, after: datetime, zone: str) -> datetime:
    """The first second with the new offset; the two instants lie on either side of it."""
    place = ZoneInfo(zone)
    old = before.astimezone(place).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(place).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
