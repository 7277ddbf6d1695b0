"""Every duration and bound of the broker's side; what they must respect is written beside them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from services.core.runtime.durations import LONGEST_COUNTDOWN, TaskLimits

LIMITS = TaskLimits()
MAX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The limits of tasks are settings, and `runtime.durations` says what must hold between them."""

    soft_limit: timedelta = LIMITS.soft_time_limit
    hard_limit: timedelta = LIMITS.time_limit
    soft_shutdown: timedelta = LIMITS.soft_shutdown
    visibility: timedelta = LIMITS.visibility_timeout
    restore_every: timedelta = timedelta(seconds=10)
    child_lost_after: timedelta = timedelta(seconds=2)

    retry_first: timedelta = timedelta(seconds=1)
    retry_longest: timedelta = LONGEST_COUNTDOWN
    put_back_pause: timedelta = timedelta(seconds=2)

    worker_socket: timedelta = timedelta(seconds=5)
    worker_connect: timedelta = timedelta(seconds=2)
    producer_socket: timedelta = timedelta(seconds=1.5)
    producer_connect: timedelta = timedelta(seconds=1)
    health_check: timedelta = timedelta(seconds=10)
    result_expiry: timedelta = timedelta(hours=1)

    heartbeat_tick: timedelta = timedelta(seconds=1)
    heartbeat_write: timedelta = timedelta(seconds=5)
    consumer_stalled_after: timedelta = timedelta(seconds=15)
    reconnect_stalled_after: timedelta = timedelta(seconds=60)

    @classmethod
    def within(cls, limits: TaskLimits) -> Self:
        """The broker's durations with the limits that the installation has set."""
        return cls(
            soft_limit=limits.soft_time_limit,
            hard_limit=limits.time_limit,
            soft_shutdown=limits.soft_shutdown,
            visibility=limits.visibility_timeout,
        )
