"""Times and durations as people write them in arguments."""

from datetime import datetime, timedelta

from services.core.domain.failures import RefusedInput


def read_instant(text: str) -> datetime:
    """An instant in ISO 8601 with its offset. Raises `RefusedInput`: a local time alone may mean two instants."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        remedy = "write it as 2026-11-24T09:00:00-05:00"
        raise RefusedInput("time_unreadable", f"{text!r} is no instant: {remedy}") from error
    if at.tzinfo is None:
        raise RefusedInput("time_without_zone", "the instant has no offset: write it as 2026-11-24T09:00:00-05:00")
    return at


def read_duration(text: str) -> timedelta:
    """A duration in ISO 8601, of at most a thousand years. Raises `RefusedInput`."""
    from pydantic import TypeAdapter, ValidationError

    try:
        duration = TypeAdapter(timedelta).validate_python(text)
    except ValidationError as error:
        raise RefusedInput("duration_unreadable", f"{text!r} is no duration: write it as PT1H or P1D") from error
    if abs(duration) > timedelta(days=365_000):
        raise RefusedInput("duration_too_long", f"{text!r} is longer than a thousand years")
    return duration
