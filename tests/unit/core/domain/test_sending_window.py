from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.core.domain.sending_window import (
    DEFAULT_WINDOW,
    HoursReason,
    SendingWindow,
    WindowInvalid,
    decide_hours,
    federal_holidays,
    is_business_day,
    next_allowed,
    next_business_day,
    next_window_opening,
    window_close,
    window_open,
)
from services.core.domain.zones import Location, area_codes, locate, states

NEW_YORK = ZoneInfo("America/New_York")
FEDERAL, RHODE_ISLAND = {False: (8, 21), True: (8, 21)}, {False: (9, 18), True: (10, 17)}
EARLIER_THAN_EIGHT = {"FL", "MD", "MS", "NJ", "OK", "WA"}


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def window(**changes: Any) -> SendingWindow:
    values: dict[str, Any] = {
        "weekdays": frozenset(range(5)),
        "opens": time(9),
        "closes": time(17),
        "zone": "America/New_York",
    }
    return SendingWindow(**(values | changes))


def place(code: str, *, state: str | None = None) -> Location:
    return locate(e164=f"+1{code}5550123", state=state, timezone=None)


def legal_hours(state: str, local: datetime) -> tuple[int, int]:
    weekend = local.weekday() > 4
    match state:
        case "RI":
            return RHODE_ISLAND[weekend]
        case "CT":
            return 9, 20
        case "TX":
            return (12, 21) if local.weekday() == 6 else (9, 21)
    return (8, 20) if state in EARLIER_THAN_EIGHT else FEDERAL[weekend]


def allowed_by_the_clock(location: Location, opened: SendingWindow | None, at: datetime) -> bool:
    """The independent reading: look at every clock on the wall, one instant at a time."""
    for zone in location.zones:
        local = at.astimezone(ZoneInfo(zone))
        for state in location.states or states():
            opens, closes = legal_hours(state, local)
            if not opens * 60 <= local.hour * 60 + local.minute < closes * 60 - 10:
                return False
    return opened is None or open_by_the_clock(opened, at)


def open_by_the_clock(opened: SendingWindow, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(opened.zone))
    if local.date() in opened.closed_days or (opened.holidays_closed and local.date() in federal_holidays(local.year)):
        return False
    if not opened.crosses_midnight:
        return local.weekday() in opened.weekdays and opened.opens <= local.time() < opened.closes
    evening = local.weekday() in opened.weekdays and local.time() >= opened.opens
    return evening or ((local.weekday() - 1) % 7 in opened.weekdays and local.time() < opened.closes)


# Times that a clock change shows twice (01:00 to 02:00) have tables of their own in test_legal_hours.
times = st.builds(time, st.sampled_from([0, 2, 3, 7, 8, 9, 10, 12, 15, 17, 19, 21, 23]), st.sampled_from([0, 15, 30]))
windows = st.builds(
    lambda days, hours, zone, holidays, closed: SendingWindow(
        weekdays=days,
        opens=hours[0],
        closes=hours[1],
        zone=zone,
        holidays_closed=holidays,
        closed_days=closed,
        crosses_midnight=hours[0] > hours[1],
    ),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.tuples(times, times).filter(lambda hours: hours[0] != hours[1]),
    st.sampled_from(["America/New_York", "America/Los_Angeles", "America/Phoenix", "Pacific/Honolulu"]),
    st.booleans(),
    st.frozensets(st.dates(date(2026, 10, 30), date(2026, 11, 4)), max_size=2),
)
codes = st.sampled_from(sorted(area_codes()))
locations = codes.map(place) | st.builds(
    lambda code, state: place(code, state=state), codes, st.sampled_from(sorted(states()))
)
# Both nights on which the clocks change, Thanksgiving, the turn of the year, and any other day.
starts = st.sampled_from(["2026-03-07", "2026-10-31", "2026-11-25", "2027-12-30", "2026-06-10"]).map(
    lambda day: datetime.fromisoformat(f"{day}T00:00+00:00")
)
instants = st.builds(lambda start, seconds: start + timedelta(seconds=seconds), starts, st.integers(0, 172_800))


def five_minute_steps(at: datetime, *, until: datetime) -> Iterator[datetime]:
    yield at
    step = timedelta(minutes=5)
    following = at.replace(minute=at.minute // 5 * 5, second=0, microsecond=0) + step
    while following <= until:
        yield following
        following += step


class TestSendingWindow:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"closes": time(9)}, "no length"),
            ({"closes": time(9), "crosses_midnight": True}, "no length"),
            ({"opens": time(21), "closes": time(8)}, "crosses midnight"),
            ({"opens": time(9), "closes": time(0)}, "crosses midnight"),
            ({"crosses_midnight": True}, "crosses midnight"),
            ({"zone": "EST"}, "no such time zone"),
            ({"zone": "America/Nowhere"}, "no such time zone"),
            ({"weekdays": frozenset()}, "weekday"),
            ({"weekdays": frozenset({7})}, "weekday"),
            ({"opens": time(9, tzinfo=UTC)}, "local times"),
        ],
    )
    def test_refuses_what_can_never_open(self, changes: dict[str, object], message: str) -> None:
        with pytest.raises(WindowInvalid, match=message):
            window(**changes)


class TestWindowOpen:
    @pytest.mark.parametrize(
        ("at", "is_open"),
        [
            ("2026-11-23T08:59:59.999999", False),
            ("2026-11-23T09:00", True),
            ("2026-11-23T16:59:59.999999", True),
            ("2026-11-23T17:00", False),
            ("2026-11-27T12:00", True),
            ("2026-11-28T12:00", False),
            ("2026-11-29T12:00", False),
            ("2026-11-26T12:00", False),
            ("2026-07-03T12:00", False),
            ("2027-07-05T12:00", False),
            ("2027-12-31T12:00", False),
            ("2027-12-24T12:00", False),
        ],
    )
    def test_the_default_window(self, at: str, is_open: bool) -> None:
        assert window_open(DEFAULT_WINDOW, new_york(at)) is is_open

    def test_a_window_may_keep_holidays_open_but_not_its_own_closed_days(self) -> None:
        own = window(holidays_closed=False, closed_days=frozenset({date(2026, 11, 27)}))
        assert window_open(own, new_york("2026-11-26T12:00"))
        assert not window_open(own, new_york("2026-11-27T12:00"))

    @pytest.mark.parametrize(
        ("at", "is_open"),
        [
            ("2026-11-20T21:59", False),
            ("2026-11-20T22:00", True),
            ("2026-11-21T00:00", True),
            ("2026-11-21T01:59", True),
            ("2026-11-21T02:00", False),
            ("2026-11-21T22:00", False),
            ("2026-11-25T23:59", True),
            ("2026-11-26T00:00", False),
            ("2026-11-26T23:00", False),
            ("2026-11-27T01:00", True),
        ],
    )
    def test_across_midnight_it_belongs_to_the_day_it_opens_on(self, at: str, is_open: bool) -> None:
        night = window(opens=time(22), closes=time(2), crosses_midnight=True)
        assert window_open(night, new_york(at)) is is_open

    @given(opened=windows, at=instants)
    def test_agrees_with_the_clock_on_the_wall(self, opened: SendingWindow, at: datetime) -> None:
        assert window_open(opened, at) == open_by_the_clock(opened, at)


class TestOpeningAndClose:
    @pytest.mark.parametrize(
        ("at", "opening"),
        [
            ("2026-11-23T08:00", "2026-11-23T09:00"),
            ("2026-11-23T09:00", "2026-11-23T09:00"),
            ("2026-11-23T09:00:01", "2026-11-24T09:00"),
            ("2026-11-25T17:00", "2026-11-27T09:00"),
            ("2026-07-02T17:00", "2026-07-06T09:00"),
            ("2026-12-31T17:00", "2027-01-04T09:00"),
            ("2026-03-06T18:00", "2026-03-09T09:00"),
        ],
    )
    def test_next_opening(self, at: str, opening: str) -> None:
        assert next_window_opening(DEFAULT_WINDOW, new_york(at)) == new_york(opening)

    def test_a_window_that_its_closed_days_shut_for_good_is_invalid(self) -> None:
        closed = frozenset(date(2026, 1, 1) + timedelta(days=offset) for offset in range(800))
        with pytest.raises(WindowInvalid, match="no opening"):
            next_window_opening(window(closed_days=closed), new_york("2026-01-01T00:00"))

    def test_close_is_the_end_of_the_interval(self) -> None:
        night = window(opens=time(22), closes=time(2), crosses_midnight=True)
        assert window_close(DEFAULT_WINDOW, new_york("2026-11-23T09:00")) == new_york("2026-11-23T17:00")
        assert window_close(night, new_york("2026-11-23T23:00")) == new_york("2026-11-24T02:00")
        assert window_close(night, new_york("2026-11-25T23:00")) == new_york("2026-11-26T00:00")

    def test_a_closed_window_has_no_close(self) -> None:
        with pytest.raises(ValueError, match="closed"):
            window_close(DEFAULT_WINDOW, new_york("2026-11-23T17:00"))

    @given(opened=windows, at=instants)
    def test_an_opening_opens_and_a_close_closes(self, opened: SendingWindow, at: datetime) -> None:
        opening = next_window_opening(opened, at)
        moment = timedelta(seconds=1)
        assert opening >= at
        assert window_open(opened, opening)
        closing = window_close(opened, opening)
        assert opening < closing
        assert window_open(opened, closing - moment)
        if opened.opens != time(0) and not opened.crosses_midnight:
            assert not window_open(opened, opening - moment)
            assert not window_open(opened, closing)


class TestBusinessDays:
    @pytest.mark.parametrize(
        ("day", "expected"),
        [
            (date(2026, 11, 23), True),
            (date(2026, 11, 28), False),
            (date(2026, 11, 26), False),
            (date(2026, 1, 1), False),
            (date(2026, 1, 19), False),
            (date(2026, 2, 16), False),
            (date(2026, 5, 25), False),
            (date(2026, 6, 19), False),
            (date(2026, 7, 3), False),
            (date(2026, 9, 7), False),
            (date(2026, 10, 12), False),
            (date(2026, 11, 11), False),
            (date(2026, 12, 25), False),
            (date(2027, 6, 18), False),
            (date(2027, 7, 5), False),
            (date(2027, 12, 24), False),
            (date(2027, 12, 31), False),
            (date(2028, 11, 10), False),
            (date(2026, 12, 24), True),
            (date(2026, 11, 27), True),
        ],
    )
    def test_federal_holidays_and_their_observed_days(self, day: date, expected: bool) -> None:
        assert is_business_day(day) is expected

    @pytest.mark.parametrize(
        ("day", "following"),
        [
            (date(2026, 11, 23), date(2026, 11, 24)),
            (date(2026, 11, 25), date(2026, 11, 27)),
            (date(2026, 7, 2), date(2026, 7, 6)),
            (date(2026, 12, 31), date(2027, 1, 4)),
            (date(2027, 12, 30), date(2028, 1, 3)),
        ],
    )
    def test_next_business_day(self, day: date, following: date) -> None:
        assert next_business_day(day) == following

    def test_closed_days_of_our_own(self) -> None:
        closed = frozenset({date(2026, 11, 27)})
        assert not is_business_day(date(2026, 11, 27), closed_days=closed)
        assert next_business_day(date(2026, 11, 25), closed_days=closed) == date(2026, 11, 30)


class TestNextAllowed:
    @pytest.mark.parametrize(
        ("code", "state", "at", "expected"),
        [
            ("212", None, "2026-11-23T13:00", "2026-11-23T13:00"),
            ("212", None, "2026-11-23T07:00", "2026-11-23T09:00"),
            ("212", None, "2026-11-23T17:00", "2026-11-24T09:00"),
            ("212", None, "2026-11-25T17:00", "2026-11-27T09:00"),
            ("310", None, "2026-11-23T09:00", "2026-11-23T11:00"),
            ("808", None, "2026-11-23T09:00", "2026-11-23T13:00"),
            ("808", None, "2026-07-06T09:00", "2026-07-06T14:00"),
            ("684", None, "2026-11-23T09:00", "2026-11-23T14:00"),
            ("512", None, "2026-11-23T09:00", "2026-11-23T10:00"),
            ("401", None, "2026-11-23T16:59", "2026-11-23T16:59"),
            ("212", "CA", "2026-11-23T09:00", "2026-11-23T11:00"),
            ("907", None, "2026-11-23T09:00", "2026-11-23T13:00"),
            ("671", None, "2026-11-23T09:00", None),
            ("670", None, "2026-07-06T09:00", None),
        ],
    )
    def test_default_window(self, code: str, state: str | None, at: str, expected: str | None) -> None:
        answer = next_allowed(place(code, state=state), DEFAULT_WINDOW, new_york(at))
        assert answer == (expected and new_york(expected))

    def test_an_unknown_place_waits_for_the_strictest_hours(self) -> None:
        unknown = locate(e164="", state=None, timezone=None)
        assert next_allowed(unknown, DEFAULT_WINDOW, new_york("2026-11-23T09:00")) == new_york("2026-11-23T14:00")

    def test_without_a_window_the_legal_hours_decide(self) -> None:
        assert next_allowed(place("671"), None, new_york("2026-11-26T03:00")) == new_york("2026-11-26T03:00")
        assert next_allowed(place("212"), None, new_york("2026-11-26T20:50")) == new_york("2026-11-27T08:00")

    def test_the_margin_is_on_the_legal_hours_only(self) -> None:
        assert next_allowed(place("212"), DEFAULT_WINDOW, new_york("2026-11-23T16:59:59")) == new_york(
            "2026-11-23T16:59:59"
        )

    def test_nothing_beyond_the_horizon(self) -> None:
        friday_evening, weekend = new_york("2026-11-20T17:00"), timedelta(hours=64)
        almost = weekend - timedelta(seconds=1)
        assert next_allowed(place("212"), DEFAULT_WINDOW, friday_evening, horizon=almost) is None
        assert next_allowed(place("212"), DEFAULT_WINDOW, friday_evening, horizon=weekend) == friday_evening + weekend

    @settings(max_examples=120)
    @given(location=locations, opened=st.none() | windows, at=instants)
    def test_is_the_first_instant_that_a_minute_stepper_finds(
        self, location: Location, opened: SendingWindow | None, at: datetime
    ) -> None:
        horizon = timedelta(days=2)
        steps = five_minute_steps(at, until=at + horizon)
        first = next((step for step in steps if allowed_by_the_clock(location, opened, step)), None)
        assert next_allowed(location, opened, at, horizon=horizon) == first

    @given(location=locations, at=instants)
    def test_waiting_until_then_is_enough(self, location: Location, at: datetime) -> None:
        allowed_at = next_allowed(location, DEFAULT_WINDOW, at)
        assume(allowed_at is not None)
        assert next_allowed(location, DEFAULT_WINDOW, allowed_at or at) == allowed_at


class TestDecideHours:
    @pytest.mark.parametrize(
        ("code", "at", "reason", "next_allowed_at"),
        [
            ("212", "2026-11-23T13:00", HoursReason.OPEN, "2026-11-23T13:00"),
            ("808", "2026-11-23T12:00", HoursReason.LEGAL_HOURS_CLOSED, "2026-11-23T13:00"),
            ("212", "2026-11-23T18:00", HoursReason.BUSINESS_WINDOW_CLOSED, "2026-11-24T09:00"),
            ("212", "2026-11-28T12:00", HoursReason.BUSINESS_WINDOW_CLOSED, "2026-11-30T09:00"),
            ("212", "2026-11-26T12:00", HoursReason.HOLIDAY, "2026-11-27T09:00"),
            ("671", "2026-11-23T12:00", HoursReason.NO_COMMON_HOURS, None),
        ],
    )
    def test_says_why_and_until_when(
        self, code: str, at: str, reason: HoursReason, next_allowed_at: str | None
    ) -> None:
        decision = decide_hours(place(code), DEFAULT_WINDOW, new_york(at))
        assert decision.reason is reason
        assert decision.allowed is (reason is HoursReason.OPEN)
        assert decision.next_allowed_at == (next_allowed_at and new_york(next_allowed_at))

    def test_names_the_local_times_and_the_rules(self) -> None:
        decision = decide_hours(place("850"), DEFAULT_WINDOW, new_york("2026-11-23T13:00"))
        assert decision.local_times == {
            "America/Chicago": "2026-11-23T12:00:00-06:00",
            "America/New_York": "2026-11-23T13:00:00-05:00",
        }
        assert decision.rules == ("FL 08:00-20:00", "US 08:00-21:00")

    def test_transactional_messages_ignore_the_holiday(self) -> None:
        assert decide_hours(place("212"), None, new_york("2026-11-26T12:00")).allowed
        night = decide_hours(place("212"), None, new_york("2026-11-26T23:00"))
        assert night.reason is HoursReason.LEGAL_HOURS_CLOSED
