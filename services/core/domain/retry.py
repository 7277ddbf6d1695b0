"""When something is tried again: exponential backoff with jitter under a ceiling, then giving up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

RETRY_CEILING = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at `at`; `attempt` is the number of that try."""

    at: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    reason: str


def backoff(attempt: int, *, base: timedelta, ceiling: timedelta, jitter: float) -> timedelta:
    """The wait after the failure of try number `attempt` (from 1): `jitter` (0 to 1) of base * 2^(attempt - 1).

    Never more than that part of `ceiling`. Raises `ValueError` for a number out of range.
    """
    if attempt < 1 or not 0 <= jitter <= 1:
        raise ValueError(f"attempt {attempt} or jitter {jitter} out of range")
    return timedelta(seconds=jitter * min(ceiling.total_seconds(), base.total_seconds() * 2.0 ** min(attempt - 1, 64)))


def decide_retry(
    *,
    attempt: int,
    at: datetime,
    base: timedelta,
    ceiling: timedelta = RETRY_CEILING,
    max_attempts: int,
    jitter: float,
    retry_after: timedelta | None = None,
) -> RetryAt | GiveUp:
    """What follows on the failure of try number `attempt` (from 1) at `at`.

    The wait is the `backoff`, full jitter, which the caller draws. The provider's `retry_after` comes on
    top, a negative one counts as none; never more than `ceiling` in all. Raises `ValueError` for a number out of range.
    """
    wait = backoff(attempt, base=base, ceiling=ceiling, jitter=jitter)
    if attempt >= max_attempts:
        return GiveUp("max_attempts")
    asked = min(ceiling, max(retry_after or timedelta(0), timedelta(0)))
    return RetryAt(at=at + min(ceiling, asked + wait), attempt=attempt + 1)
