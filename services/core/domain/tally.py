"""What others can make happen as often as they like, told in few words: given the time, in bounded memory and rows.

The first from each source is told at once, and what follows once a minute with how many there were. All sources
together are told `AT_ONCE` times and once more for each `ANOTHER_EVERY` that passes, so that whoever comes from many
places all year fills no table; what is beyond is summed up, once a minute, as nobody's.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

AT_ONCE = 30
ANOTHER_EVERY = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)
SOURCES_AT_MOST = 4096

Source = TypeVar("Source", bound=Hashable)
What = TypeVar("What")


@dataclass(frozen=True, slots=True)
class Told(Generic[Source, What]):
    """It happened `count` times since it was told before, the last time as `last`; of many sources without either."""

    source: Source | None
    count: int
    last: What | None


@dataclass(slots=True)
class _Seen(Generic[What]):
    last: What
    untold: int = 0
    told_at: float | None = None

    def is_due(self, now: float) -> bool:
        return self.told_at is None or now >= self.told_at + MINUTE.total_seconds()


class Tally(Generic[Source, What]):
    """`now` is seconds of a clock that only goes forward."""

    def __init__(self) -> None:
        self._sources: OrderedDict[Source, _Seen[What]] = OrderedDict()
        self._elsewhere = 0
        self._room, self._room_at = float(AT_ONCE), 0.0

    def add(self, source: Source, what: What, *, now: float) -> list[Told[Source, What]]:
        """Count one; answers what is to be told at once."""
        seen = self._sources.setdefault(source, _Seen(what))
        self._sources.move_to_end(source)
        seen.last = what
        seen.untold += 1
        if len(self._sources) > SOURCES_AT_MOST:
            _, forgotten = self._sources.popitem(last=False)
            self._elsewhere += forgotten.untold
        return [self._told(source, seen, now)] if seen.is_due(now) and self._has_room(now) else []

    def again(self, source: Source) -> None:
        """Count one more of what the source did last, to be told in time."""
        if source in self._sources:
            self._sources[source].untold += 1

    def due(self, *, now: float, at_end: bool = False) -> list[Told[Source, What]]:
        """What was counted since, and for whom; of sources whose minute is not over only `at_end`."""
        told = []
        for source, seen in self._sources.items():
            if seen.untold and (at_end or seen.is_due(now)):
                if self._has_room(now):
                    told.append(self._told(source, seen, now))
                else:
                    self._elsewhere, seen.untold = self._elsewhere + seen.untold, 0
        if self._elsewhere:
            told.append(Told(None, self._elsewhere, None))
            self._elsewhere = 0
        return told

    def untold(self, told: Iterable[Told[Source, What]]) -> None:
        """Take back what could not be told: it is summed up the next time."""
        self._elsewhere += sum(each.count for each in told)

    def _told(self, source: Source, seen: _Seen[What], now: float) -> Told[Source, What]:
        count, seen.untold, seen.told_at = seen.untold, 0, now
        return Told(source, count, seen.last)

    def _has_room(self, now: float) -> bool:
        """Whether another source may be told, which takes its room."""
        grown = (now - self._room_at) / ANOTHER_EVERY.total_seconds()
        self._room, self._room_at = min(float(AT_ONCE), self._room + grown), now
        if self._room < 1:
            return False
        self._room -= 1
        return True
