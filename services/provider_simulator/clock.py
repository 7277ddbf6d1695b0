"""Product time: real time plus an offset that only grows."""

import time
from datetime import UTC, datetime, timedelta


class ClockMovesForwardOnly(Exception):
    pass


class Clock:
    def __init__(self, offset: timedelta) -> None:
        self.offset = offset

    def now(self) -> datetime:
        """Product time."""
        return wall() + self.offset

    def move_to(self, offset: timedelta) -> None:
        """Raises `ClockMovesForwardOnly`."""
        if offset < self.offset:
            raise ClockMovesForwardOnly(f"the offset is {self.offset.total_seconds():g} s already")
        self.offset = offset


def wall() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def stamp(at: datetime, timespec: str = "milliseconds") -> str:
    """ISO 8601 in UTC, as the provider writes it."""
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
