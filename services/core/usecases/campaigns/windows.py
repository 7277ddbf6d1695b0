"""A campaign's own sending window, as it is stored and shown: weekdays, opening, closing, zone, holidays."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.core.domain.failures import RefusedInput
from services.core.domain.sending_window import SendingWindow, WindowInvalid


def window_of(stored: Mapping[str, Any] | None, default: SendingWindow) -> SendingWindow:
    """The stored window, or the installation's; the closed days are the installation's in both cases.

    Raises `RefusedInput` naming the field for a window that makes no sense.
    """
    if stored is None:
        return default
    try:
        return SendingWindow(
            weekdays=frozenset(stored.get("weekdays", sorted(default.weekdays))),
            opens=time.fromisoformat(stored["opens"]),
            closes=time.fromisoformat(stored["closes"]),
            zone=stored.get("zone", default.zone),
            holidays_closed=stored.get("holidays_closed", True),
            closed_days=default.closed_days,
            crosses_midnight=stored.get("crosses_midnight", False),
        )
    except (WindowInvalid, ValueError, KeyError, TypeError) as error:
        raise RefusedInput(
            "window_invalid", f"the sending window cannot be used: {error}", pointer="/window"
        ) from error


def local_day(at: datetime, zone: str) -> tuple[datetime, datetime]:
    """The midnights around `at` in `zone`."""
    local = ZoneInfo(zone)
    day = at.astimezone(local).date()
    return datetime.combine(day, time(), local), datetime.combine(day + timedelta(days=1), time(), local)
