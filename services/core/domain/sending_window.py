"""When a campaign wants to text: the business window with its holidays, and its meeting with the legal hours."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo

from services.core.domain.intervals import DAY, Interval, intersect, local_interval
from services.core.domain.legal_hours import legal_intervals, rules_on
from services.core.domain.stored import Form, Stored
from services.core.domain.zones import Location, valid_zone

# The longest a window with one weekday and closed days around the turn of the year is looked for.
OPENING_SEARCH = timedelta(days=400)


class WindowInvalid(ValueError):
    """The window can never open, or means something else than it says."""


@dataclass(frozen=True, slots=True)
class SendingWindow:
    """From `opens` to `closes` in `zone` on `weekdays` (Monday is 0), half-open; holidays and `closed_days` are closed.

    A window that `crosses_midnight` belongs to the weekday it opens on and pauses on closed dates. Raises
    `WindowInvalid` for no weekdays, an unknown zone, no length, or reversed hours without `crosses_midnight`.
    """

    weekdays: frozenset[int]
    opens: time
    closes: time
    zone: str
    holidays_closed: bool = True
    closed_days: frozenset[date] = frozenset()
    crosses_midnight: bool = False

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= frozenset(range(7)):
            raise WindowInvalid("a window needs at least one weekday, from 0 (Monday) to 6")
        if self.opens.tzinfo or self.closes.tzinfo:
            raise WindowInvalid("opening and closing are local times of the window's zone")
        if self.opens == self.closes:
            raise WindowInvalid("the window has no length")
        if (self.opens > self.closes) != self.crosses_midnight:
            raise WindowInvalid("the window closes before it opens unless it crosses midnight, and only then")
        if not valid_zone(self.zone):
            raise WindowInvalid(f"no such time zone: {self.zone}")


LocalTime = Annotated[time, Form(read=time.fromisoformat, write=lambda at: at.isoformat(timespec="minutes"))]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWindow(Stored):
    """A campaign's own window, as it was given: what it leaves open is the installation's."""

    weekdays: Annotated[frozenset[int] | None, Form(read=frozenset, write=sorted)] = None
    opens: LocalTime
    closes: LocalTime
    zone: str | None = None
    holidays_closed: bool = True
    crosses_midnight: bool = False

    def within(self, installation: SendingWindow) -> SendingWindow:
        """The window in force; the closed days are the installation's. Raises `WindowInvalid`."""
        return SendingWindow(
            weekdays=self.weekdays if self.weekdays is not None else installation.weekdays,
            opens=self.opens,
            closes=self.closes,
            zone=self.zone or installation.zone,
            holidays_closed=self.holidays_closed,
            closed_days=installation.closed_days,
            crosses_midnight=self.crosses_midnight,
        )


class HoursReason(StrEnum):
    OPEN = "open"
    BUSINESS_WINDOW_CLOSED = "business_window_closed"
    HOLIDAY = "holiday"
    LEGAL_HOURS_CLOSED = "legal_hours_closed"
    NO_COMMON_HOURS = "no_common_hours"


@dataclass(frozen=True, slots=True)
class HoursDecision:
    """Whether a text may leave now, why, and when it next may (None: never within the horizon)."""

    allowed: bool
    reason: HoursReason
    next_allowed_at: datetime | None
    local_times: dict[str, str] = field(default_factory=dict)
    rules: tuple[str, ...] = ()


DEFAULT_WINDOW = SendingWindow(weekdays=frozenset(range(5)), opens=time(9), closes=time(17), zone="America/New_York")


def decide_hours(location: Location, window: SendingWindow | None, at: datetime) -> HoursDecision:
    """Gate G3: the business `window` (None for a transactional message) and the legal hours of `location` at `at`."""
    next_allowed_at = next_allowed(location, window, at)
    local_times = {zone: at.astimezone(ZoneInfo(zone)).isoformat() for zone in sorted(location.zones)}
    weekdays = {at.astimezone(ZoneInfo(zone)).weekday() for zone in location.zones}
    return HoursDecision(
        allowed=next_allowed_at == at,
        reason=_reason(window, at, next_allowed_at=next_allowed_at),
        next_allowed_at=next_allowed_at,
        local_times=local_times,
        rules=tuple(sorted({rule.name for weekday in weekdays for rule in rules_on(location.states, weekday)})),
    )


def next_allowed(
    location: Location, window: SendingWindow | None, at: datetime, *, horizon: timedelta = timedelta(days=14)
) -> datetime | None:
    """The first instant from `at` on, in UTC, inside `window` and legal in `location`; None if none within `horizon`.

    None as the window leaves the legal hours alone to decide (transactional messages).
    """
    at = at.astimezone(UTC)
    last = at + horizon
    day = at.date()
    while day <= last.date():
        for opens_at, closes_at in _allowed_intervals(location, window, day):
            if closes_at > at:
                allowed_at = max(opens_at, at)
                return allowed_at if allowed_at <= last else None
        day += DAY
    return None


def open_interval(window: SendingWindow, at: datetime) -> Interval | None:
    """The interval of `window` that `at` lies in, or None if it is closed."""
    today = at.astimezone(ZoneInfo(window.zone)).date()
    for day in (today - DAY, today):
        for interval in _opened_on(window, day):
            if interval.opens_at <= at < interval.closes_at:
                return interval
    return None


def window_open(window: SendingWindow, at: datetime) -> bool:
    return open_interval(window, at) is not None


def window_close(window: SendingWindow, at: datetime) -> datetime:
    """The end, in UTC, of the interval that `at` lies in; raises `ValueError` if the window is closed at `at`."""
    interval = open_interval(window, at)
    if interval is None:
        raise ValueError(f"the window is closed at {at.isoformat()}")
    return interval.closes_at


def next_window_opening(window: SendingWindow, at: datetime) -> datetime:
    """The first opening at or after `at`, in UTC; inside the window that is the next one, not the running one.

    Raises `WindowInvalid` if closed days leave no opening within 400 days.
    """
    return next_open_interval(window, at).opens_at


def next_open_interval(window: SendingWindow, at: datetime) -> Interval:
    """The interval that `next_window_opening` begins."""
    first = at.astimezone(ZoneInfo(window.zone)).date() - DAY
    for offset in range(OPENING_SEARCH.days):
        for interval in _opened_on(window, first + offset * DAY):
            if interval.opens_at >= at:
                return interval
    raise WindowInvalid("the window's closed days leave no opening")


def is_business_day(day: date, *, closed_days: frozenset[date] = frozenset()) -> bool:
    """Monday to Friday, no US federal holiday nor its observed day, and not one of `closed_days`."""
    return day.weekday() < 5 and day not in federal_holidays(day.year) and day not in closed_days


def next_business_day(day: date, *, closed_days: frozenset[date] = frozenset()) -> date:
    """The first business day after `day`."""
    following = day + DAY
    while not is_business_day(following, closed_days=closed_days):
        following += DAY
    return following


@lru_cache(maxsize=256)
def federal_holidays(year: int) -> frozenset[date]:
    """The US federal holidays that fall in `year` and their observed days."""
    from holidays import country_holidays  # a tenth of a second that only a decision about hours is worth

    return frozenset(country_holidays("US", years=year))


def is_closed_day(window: SendingWindow, day: date) -> bool:
    return day in window.closed_days or (window.holidays_closed and day in federal_holidays(day.year))


def _reason(window: SendingWindow | None, at: datetime, *, next_allowed_at: datetime | None) -> HoursReason:
    if next_allowed_at is None:
        return HoursReason.NO_COMMON_HOURS
    if next_allowed_at == at:
        return HoursReason.OPEN
    if window is not None and not window_open(window, at):
        today = at.astimezone(ZoneInfo(window.zone)).date()
        closed = today.weekday() in window.weekdays and is_closed_day(window, today)
        return HoursReason.HOLIDAY if closed else HoursReason.BUSINESS_WINDOW_CLOSED
    return HoursReason.LEGAL_HOURS_CLOSED


@lru_cache(maxsize=65_536)
def _allowed_intervals(location: Location, window: SendingWindow | None, day: date) -> tuple[Interval, ...]:
    """The parts of the UTC day `day` that are legal and, if there is a window, inside it."""
    legal = legal_intervals(location, day)
    if window is None:
        return legal
    opened = [interval for offset in (-2, -1, 0, 1) for interval in _opened_on(window, day + offset * DAY)]
    return tuple(intersect(legal, opened))


@lru_cache(maxsize=16_384)
def _opened_on(window: SendingWindow, day: date) -> tuple[Interval, ...]:
    """What belongs to the window's local `day`: one interval, or two around a midnight that something separates."""
    if day.weekday() not in window.weekdays:
        return ()
    return tuple(_joined(part for part in _parts(window, day) if part))


def _parts(window: SendingWindow, day: date) -> Iterator[Interval | None]:
    tomorrow = day + DAY
    if not is_closed_day(window, day):
        closes = time.min if window.crosses_midnight else window.closes
        yield local_interval(day, window.opens, closes, zone=window.zone, closes_next_day=window.crosses_midnight)
    if window.crosses_midnight and window.closes > time.min and not is_closed_day(window, tomorrow):
        yield local_interval(tomorrow, time.min, window.closes, zone=window.zone)


def _joined(parts: Iterator[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for part in parts:
        if joined and joined[-1].closes_at == part.opens_at:
            joined[-1] = Interval(joined[-1].opens_at, part.closes_at)
        else:
            joined.append(part)
    return joined
