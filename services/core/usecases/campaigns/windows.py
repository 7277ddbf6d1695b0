"""The window in force for a campaign, its own or the installation's, and its days."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.core.domain.failures import RefusedInput
from services.core.domain.sending_window import OwnWindow, SendingWindow, WindowInvalid


def window_of(own: OwnWindow | None, default: SendingWindow) -> SendingWindow:
    """The campaign's own window, or the installation's; the closed days are the installation's in both cases.

    Raises `RefusedInput` naming the field for a window that makes no sense.
    """
    if own is None:
        return default
    try:
        return own.within(default)
    except WindowInvalid as error:
        raise RefusedInput(
            "window_invalid", f"the sending window cannot be used: {error}", pointer="/window"
        ) from error


def local_day(at: datetime, zone: str) -> tuple[datetime, datetime]:
    """The midnights around `at` in `zone`."""
    local = ZoneInfo(zone)
    day = at.astimezone(local).date()
    return datetime.combine(day, time(), local), datetime.combine(day + timedelta(days=1), time(), local)
