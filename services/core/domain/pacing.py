"""Spreading a day's batch over the window, campaigns in turn, and saying when it will be done."""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from services.core.domain.intervals import Interval
from services.core.domain.sending_window import SendingWindow, next_open_interval, open_interval

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
    opened_at, closes_at = _this_or_next(window, at)
    start = max(opened_at, at.astimezone(UTC))
    wanted = min(count, pacing.daily_cap - already_today)
    if wanted <= 0 or not _same_day(window, start, at):
        return ()
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


def projected_finish(
    *, count: int, pacing: Pacing, window: SendingWindow, at: datetime, per_second: float, already_today: int = 0
) -> datetime | None:
    """When the last of `count` messages will have left, in UTC, at `per_second` at most; None if not within ten years.

    Legal hours, caps of other campaigns and failures are not in it.
    """
    at = at.astimezone(UTC)
    if count <= 0:
        return at
    opens_at, closes_at = _this_or_next(window, at)
    start, left = max(opens_at, at), count
    room = pacing.daily_cap - already_today if _same_day(window, start, at) else pacing.daily_cap
    per_batch = max(1, min(pacing.batch_size, math.floor(per_second * pacing.every.total_seconds())))
    while start - at < PROJECTION_LIMIT:
        batches = -((start - closes_at) // pacing.every)
        today = max(0, min(room, batches * per_batch))
        if left <= today:
            full_batches, before_last = divmod(left - 1, per_batch)
            return start + full_batches * pacing.every + timedelta(seconds=(before_last + 1) / per_second)
        left -= today
        start, closes_at = next_open_interval(window, closes_at)
        room = pacing.daily_cap
    return None


def expected_slot(
    *, ahead: int, pacing: Pacing, window: SendingWindow, at: datetime, today_is_laid_out: bool
) -> datetime | None:
    """The instant, in UTC, that a daily batch will give to a message with `ahead` others before it.

    With `today_is_laid_out` what still waits has no place in the batch of `at`'s day. None if not within ten years.
    """
    at = at.astimezone(UTC)
    opens_at, closes_at = _this_or_next(window, at)
    if today_is_laid_out and _same_day(window, opens_at, at):
        opens_at, closes_at = next_open_interval(window, closes_at)
    start = max(opens_at, at)
    while start - at < PROJECTION_LIMIT:
        batches = -((start - closes_at) // pacing.every)
        room = min(pacing.daily_cap, batches * pacing.batch_size)
        if ahead < room:
            return start + ahead // pacing.batch_size * pacing.every
        ahead -= room
        start, closes_at = next_open_interval(window, closes_at)
    return None


def _this_or_next(window: SendingWindow, at: datetime) -> Interval:
    return open_interval(window, at) or next_open_interval(window, at)


def _same_day(window: SendingWindow, first: datetime, second: datetime) -> bool:
    zone = ZoneInfo(window.zone)
    return first.astimezone(zone).date() == second.astimezone(zone).date()
