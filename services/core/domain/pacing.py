"""Spreading a day's batch over the window, sharing what is left between campaigns, and saying when it will be done."""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from services.core.domain.sending_window import (
    SendingWindow,
    next_window_opening,
    open_interval,
    window_close,
    window_open,
)

# Further ahead a projection says nothing that anybody would act on.
PROJECTION_LIMIT = timedelta(days=3660)

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Pacing:
    """At most `batch_size` messages every `every`, and `daily_cap` a day; raises `ValueError` for any below one."""

    batch_size: int = 25
    every: timedelta = timedelta(minutes=30)
    daily_cap: int = 125

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.daily_cap < 1 or self.every <= timedelta(0):
            raise ValueError("batch size, interval and daily cap must be positive")


def plan_slots(
    pacing: Pacing,
    window: SendingWindow,
    at: datetime,
    *,
    already_today: int,
    count: int,
    last_slot: datetime | None = None,
) -> Sequence[datetime]:
    """The `not_before` instants, in UTC and ascending, of the next `count` messages that still fit into today.

    Today is the window's local day of `at`. The `already_today` messages that were sent or planned count towards the
    cap and fill the batches since the opening; `last_slot`, if known, keeps the next batch one interval away from it.
    """
    start = _todays_start(window, at)
    wanted = min(count, pacing.daily_cap - already_today)
    if start is None or wanted <= 0:
        return ()
    opened_at, closes_at = open_interval(window, start) or (start, start)
    full_batches, in_batch = divmod(already_today, pacing.batch_size)
    if last_slot is None:
        start = max(start, opened_at + full_batches * pacing.every)
    else:
        start, in_batch = max(start, last_slot.astimezone(UTC) + pacing.every), 0
    slots = (start + (in_batch + index) // pacing.batch_size * pacing.every for index in range(wanted))
    return [slot for slot in slots if slot < closes_at]


def interleave(queues: Mapping[Key, Sequence[Item]], *, weights: Mapping[Key, int] | None = None) -> Iterator[Item]:
    """The items of all queues in turn, `weights` (default 1) of each a round, so that none waits for another's end."""
    iterators = {key: iter(queue) for key, queue in queues.items()}
    while iterators:
        for key in list(iterators):
            for _ in range(max(1, (weights or {}).get(key, 1))):
                try:
                    item = next(iterators[key])
                except StopIteration:
                    del iterators[key]
                    break
                yield item


def fair_share(available: int, *, wanted: Mapping[Key, int]) -> dict[Key, int]:
    """How many of `available` each may have: equal parts, and what one does not want goes to the others."""
    share = dict.fromkeys(wanted, 0)
    hungry = [key for key in wanted if wanted[key] > 0]
    while hungry and available > 0:
        part = max(1, available // len(hungry))
        for key in hungry:
            given = min(part, wanted[key] - share[key], available)
            share[key] += given
            available -= given
        hungry = [key for key in hungry if share[key] < wanted[key]]
    return share


def projected_finish(
    *, count: int, pacing: Pacing, window: SendingWindow, at: datetime, per_second: float, already_today: int = 0
) -> datetime | None:
    """When the last of `count` messages will have left, in UTC, at `per_second` at most; None if not within ten years.

    Legal hours, caps of other campaigns and failures are not in it.
    """
    at = at.astimezone(UTC)
    start, sent_today, left = _todays_start(window, at) or next_window_opening(window, at), already_today, count
    if _local_day(window, start) != _local_day(window, at):
        sent_today = 0
    if left <= 0:
        return at
    per_batch = max(1, min(pacing.batch_size, math.floor(per_second * pacing.every.total_seconds())))
    while start - at < PROJECTION_LIMIT:
        closes_at = window_close(window, start)
        batches = -((start - closes_at) // pacing.every)
        today = max(0, min(pacing.daily_cap - sent_today, batches * per_batch))
        if left <= today:
            whole, rest = divmod(left - 1, per_batch)
            return start + whole * pacing.every + timedelta(seconds=(rest + 1) / per_second)
        left -= today
        start, sent_today = next_window_opening(window, closes_at), 0
    return None


def _todays_start(window: SendingWindow, at: datetime) -> datetime | None:
    """From when today's messages may go: now, or today's opening; None if the window is over or closed today."""
    at = at.astimezone(UTC)
    if window_open(window, at):
        return at
    opens_at = next_window_opening(window, at)
    return opens_at if _local_day(window, opens_at) == _local_day(window, at) else None


def _local_day(window: SendingWindow, at: datetime) -> date:
    return at.astimezone(ZoneInfo(window.zone)).date()
