"""How pages say times, spans and numbers: in the business's zone, in words, a number's middle hidden."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEAR = {-1: "yesterday", 0: "today", 1: "tomorrow"}
SHOWN_DIGITS = 2


def moment(at: datetime, *, now: datetime, zone: ZoneInfo) -> str:
    """`today 13:16`, `tomorrow 08:30`, `Wed 4 Mar 09:00`; with the year where it is another."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    near = NEAR.get((local.date() - today).days)
    if near is not None:
        return f"{near} {local:%H:%M}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M}"


def day_of(at: date) -> str:
    """`Monday 2 March 2026`."""
    return f"{at:%A} {at.day} {at:%B} {at.year}"


def span(duration: timedelta) -> str:
    """The largest unit alone: `3 hours`, `1 day`, `less than a minute`."""
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        count = duration // unit
        if count > 0:
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    return "less than a minute"


def masked(number: str) -> str:
    """A number of which only the country and the end are shown."""
    return f"{number[:2]} ••• ••{number[-SHOWN_DIGITS:]}"
