"""The shared limiter: one round trip reserves the next slot of the provider's rate, on Redis's clock.

A slot is taken before the work that leads to a request, and used in the instant before the request is written: between
the two lies a commit and a connection, and a process may be stopped there for as long as it likes.

It is GCRA that reserves: every caller is given its own instant, so nobody polls. Strict: slots lie 1/rate x (1 + g)
apart and one missed by more than g is dropped, so a send lies in [slot, slot + g], rate slots span 1 s + g, and no
second holds more sends than the rate. Lost or doubtful state starts full.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import cast

from redis.exceptions import RedisError

from services.core.queue.connection import connect
from services.core.queue.instruments import LIMITER_WAIT
from services.core.queue.names import RequestKind
from services.core.queue.throttle_scripts import BACK_OFF, RESERVE
from services.core.runtime import metering

GUARD = timedelta(milliseconds=5)
HORIZON = timedelta(seconds=3)
FIRST_LEAD = timedelta(milliseconds=100)
LONGEST_LEAD = timedelta(seconds=1)
NO_LEAD = timedelta(0)
MICROSECOND = timedelta(microseconds=1)


class ThrottleUnavailable(Exception):
    """Redis did not answer, so nothing may be sent. Try again later."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Slot:
    """A reserved instant: `wait` from the reservation, usable between two readings of the monotonic clock."""

    wait: timedelta
    opens_at: float = field(repr=False)
    closes_at: float = field(repr=False)
    taken_at: float = field(default=0.0, repr=False)

    @property
    def is_lost(self) -> bool:
        return monotonic() > self.closes_at


@dataclass(frozen=True, slots=True)
class Busy:
    """Nothing was reserved; a reservation may succeed after `retry_in`."""

    retry_in: timedelta


class Throttle:
    """One rate shared by every process that names it; sends and reads draw on it, reads at most `read_share` of it.

    `rate` is per second. A slot further away than three seconds (or two periods, if longer) is never given out.
    """

    def __init__(self, redis_url: str, *, rate: float, read_share: float, name: str) -> None:
        if rate <= 0 or not 0 < read_share <= 1:
            raise ValueError("rate must be above 0 and read_share in (0, 1]")
        self._redis = connect(redis_url)
        self._reserve = self._redis.register_script(RESERVE)
        self._back_off = self._redis.register_script(BACK_OFF)
        self._key = f"throttle:{name}"
        self._period = timedelta(seconds=1) / rate
        self._read_share = read_share
        self._horizon = max(HORIZON, 2 * self._period)
        self._tolerance = GUARD
        self._last_took = timedelta(0)
        self._lead = FIRST_LEAD
        self._last_start = FIRST_LEAD

    def take(self, kind: RequestKind, *, within: timedelta, ahead: bool = False) -> Slot | None:
        """Wait for a slot that opens `within` that time and answer it when it opens; `None` when there is none.

        With `ahead` it is answered before it opens, by as much as the work up to its `use` has lately taken. Raises
        `ThrottleUnavailable`.
        """
        ends_at = monotonic() + within.total_seconds()
        lead = self._lead if ahead else NO_LEAD
        while (left := ends_at - monotonic()) > 0:
            slot = self.reserve(kind, max_wait=timedelta(seconds=left), lead=lead)
            if isinstance(slot, Busy):
                pause = slot.retry_in.total_seconds()
                if pause >= left:
                    return None
                sleep(pause)
                continue
            sleep(max(0.0, slot.opens_at - lead.total_seconds() - monotonic()))
            if not slot.is_lost:
                return replace(slot, taken_at=monotonic())
        return None

    def use(self, slot: Slot) -> bool:
        """Wait for a slot that was taken ahead to open; false when it is lost and nothing may be sent on it.

        To be asked when all is ready and nothing is written.
        """
        took = timedelta(seconds=monotonic() - slot.taken_at)
        usual, self._last_start = min(took, self._last_start), took  # one slow start alone changes nothing
        self._lead = min(max(1.5 * usual, 0.9 * self._lead), LONGEST_LEAD)
        return self.wait_for(slot)

    def reserve(self, kind: RequestKind, *, max_wait: timedelta, lead: timedelta = NO_LEAD) -> Slot | Busy:
        """Reserve the next slot that is not nearer than `lead`, unless it is more than `max_wait` away.

        Raises `ThrottleUnavailable`. Act on a slot only when `wait_for` or `use` answers true.
        """
        tolerance = self._tolerance
        durations = (self._period, GUARD, tolerance, self._horizon, max_wait, lead)
        period, guard, tolerated, horizon, longest, ready_in = (each / MICROSECOND for each in durations)
        arguments = (period, guard, tolerated, self._read_share, horizon, longest, kind, ready_in)
        asked_at = monotonic()
        try:
            answer = cast(tuple[int, str, str], self._reserve(keys=[self._key], args=list(arguments)))
        except RedisError as error:
            raise ThrottleUnavailable(str(error)) from error
        answered_at = monotonic()
        self._note(timedelta(seconds=answered_at - asked_at))
        wait = timedelta(microseconds=float(answer[1]))
        if not answer[0]:
            return Busy(max(wait, timedelta(milliseconds=1)))
        seconds = wait.total_seconds()
        metering.observe(LIMITER_WAIT, seconds, kind)
        return Slot(wait, answered_at + seconds, asked_at + seconds + tolerance.total_seconds())

    def _note(self, took: timedelta) -> None:
        """Ask for more room when the line stays slower than the guard, at the price of rate.

        The server chose the slot at an unknown instant of the call; when that is all that is known, no slot can be met
        within the guard. One slow call alone changes nothing: its slot is dropped.
        """
        slow = min(took, self._last_took)
        self._last_took = took
        self._tolerance = min(2 * slow, self._horizon / 2) if slow > GUARD else GUARD

    def wait_for(self, slot: Slot) -> bool:
        """Sleep until the slot opens; false when it was missed by more than its tolerance and must not be used."""
        while (left := slot.opens_at - monotonic()) > 0:
            sleep(left)
        return not slot.is_lost

    def backoff(self, until: datetime) -> None:
        """The provider refused for its own rate: nobody is given a slot before `until` (aware, real time).

        An earlier mark that lasts longer stays. Raises `ThrottleUnavailable`.
        """
        duration = max(until - datetime.now(UTC), timedelta(0))
        try:
            self._back_off(keys=[self._key], args=[duration / MICROSECOND])
        except RedisError as error:
            raise ThrottleUnavailable(str(error)) from error

    def close(self) -> None:
        self._redis.close()
