from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.domain.intervals import Interval, intersect, local_interval
from services.core.domain.legal_hours import RULES_VERSION, legal_intervals, legally_open, rules_on
from services.core.domain.zones import Location, area_codes, locate, states

MONDAY, SATURDAY, SUNDAY = date(2026, 11, 23), date(2026, 11, 28), date(2026, 11, 29)

# Written out again on purpose: hours by (Monday-Friday, Saturday, Sunday).
HOURS = {
    "CT": ((9, 20), (9, 20), (9, 20)),
    "FL": ((8, 20), (8, 20), (8, 20)),
    "MD": ((8, 20), (8, 20), (8, 20)),
    "MS": ((8, 20), (8, 20), (8, 20)),
    "NJ": ((8, 20), (8, 20), (8, 20)),
    "OK": ((8, 20), (8, 20), (8, 20)),
    "RI": ((9, 18), (10, 17), (10, 17)),
    "TX": ((9, 21), (9, 21), (12, 21)),
    "WA": ((8, 20), (8, 20), (8, 20)),
}
FEDERAL = ((8, 21), (8, 21), (8, 21))
SAMPLE_ZONES = {
    "RI": "America/New_York",
    "TX": "America/Chicago",
    "CT": "America/New_York",
    "CA": "America/Los_Angeles",
}
TRANSITIONS = [datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)]


def legal_by_the_clock(location: Location, at: datetime) -> bool:
    """The independent reading: look at every clock and every rule."""
    for zone in location.zones:
        local = at.astimezone(ZoneInfo(zone))
        kind = max(0, local.weekday() - 4)
        for rule in [FEDERAL] + [HOURS[state] for state in (location.states or HOURS) if state in HOURS]:
            opens, closes = rule[kind]
            minute = local.hour * 60 + local.minute
            if not opens * 60 <= minute < closes * 60 - 10:
                return False
    return True


def place(zone: str, *codes: str) -> Location:
    return Location(zones=frozenset({zone}), states=frozenset(codes), facts_disagree=False)


locations = st.one_of(
    st.sampled_from(sorted(area_codes())).map(lambda code: locate(e164=f"+1{code}5550123", state=None, timezone=None)),
    st.builds(
        lambda code, state: locate(e164=f"+1{code}5550123", state=state, timezone=None),
        st.sampled_from(sorted(area_codes())),
        st.sampled_from(sorted(states())),
    ),
    st.just(locate(e164="", state=None, timezone=None)),
)
instants = st.one_of(
    st.integers(0, 3 * 365 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.builds(
        lambda change, minutes: change + timedelta(minutes=minutes),
        st.sampled_from(TRANSITIONS),
        st.integers(-2000, 2000),
    ),
)


class TestLegallyOpen:
    @pytest.mark.parametrize(
        ("state", "day", "opens", "closes"),
        [
            ("CA", MONDAY, "08:00", "20:50"),
            ("CA", SUNDAY, "08:00", "20:50"),
            ("CT", MONDAY, "09:00", "19:50"),
            ("RI", MONDAY, "09:00", "17:50"),
            ("RI", SATURDAY, "10:00", "16:50"),
            ("RI", SUNDAY, "10:00", "16:50"),
            ("TX", MONDAY, "09:00", "20:50"),
            ("TX", SATURDAY, "09:00", "20:50"),
            ("TX", SUNDAY, "12:00", "20:50"),
            *((state, MONDAY, "08:00", "19:50") for state in ("FL", "MD", "MS", "NJ", "OK", "WA")),
        ],
    )
    def test_half_open_with_the_closing_margin(self, state: str, day: date, opens: str, closes: str) -> None:
        zone = SAMPLE_ZONES.get(state, "America/New_York")
        opens_at = datetime.combine(day, time.fromisoformat(opens), ZoneInfo(zone))
        closes_at = datetime.combine(day, time.fromisoformat(closes), ZoneInfo(zone))
        second = timedelta(seconds=1)
        answers = [
            legally_open(place(zone, state), at) for at in (opens_at - second, opens_at, closes_at - second, closes_at)
        ]
        assert answers == [False, True, True, False]

    @pytest.mark.parametrize(
        ("day", "opens", "closes"), [(MONDAY, 9, "17:50"), (SATURDAY, 10, "16:50"), (SUNDAY, 12, "16:50")]
    )
    def test_an_unknown_state_means_the_strictest_of_all(self, day: date, opens: int, closes: str) -> None:
        zone = ZoneInfo("America/Chicago")
        opens_at = datetime.combine(day, time(opens), zone)
        closes_at = datetime.combine(day, time.fromisoformat(closes), zone)
        assert Interval(opens_at, closes_at) in legal_intervals(place("America/Chicago"), day)

    def test_every_possible_zone_must_be_open(self) -> None:
        both = locate(e164="+12125550123", state="CA", timezone=None)
        assert not legally_open(both, datetime(2026, 11, 23, 15, 59, tzinfo=UTC))
        assert legally_open(both, datetime(2026, 11, 23, 16, 0, tzinfo=UTC))
        assert not legally_open(both, datetime(2026, 11, 24, 1, 50, tzinfo=UTC))

    def test_an_evening_that_crosses_midnight_in_utc_stays_open(self) -> None:
        honolulu = place("Pacific/Honolulu", "HI")
        assert legally_open(honolulu, datetime(2026, 11, 23, 23, 59, 59, 999999, tzinfo=UTC))
        assert legally_open(honolulu, datetime(2026, 11, 24, 0, 0, tzinfo=UTC))

    def test_no_zone_at_all_is_closed(self) -> None:
        assert not legally_open(
            Location(frozenset(), frozenset(), facts_disagree=False), datetime(2026, 11, 23, 18, tzinfo=UTC)
        )

    @given(location=locations, at=instants)
    def test_agrees_with_the_clocks_on_the_wall(self, location: Location, at: datetime) -> None:
        assert legally_open(location, at) == legal_by_the_clock(location, at)


class TestRulesOn:
    def test_the_federal_rule_binds_everywhere(self) -> None:
        assert [rule.name for rule in rules_on({"CA"}, 0)] == ["US 08:00-21:00"]
        assert [rule.name for rule in rules_on({"FL", "CA"}, 0)] == ["US 08:00-21:00", "FL 08:00-20:00"]

    def test_only_what_was_read_in_the_statute_is_verified(self) -> None:
        assert {rule.state for weekday in range(7) for rule in rules_on((), weekday) if rule.verified} == {"FL"}

    def test_every_rule_of_the_reference_is_there(self) -> None:
        assert {rule.state for rule in rules_on((), 0)} == {"US", *HOURS}

    def test_the_version_names_the_last_review(self) -> None:
        assert RULES_VERSION.startswith("2026-11-23.")


class TestLocalInterval:
    @pytest.mark.parametrize(
        ("day", "opens", "closes", "expected"),
        [
            (date(2026, 7, 1), time(9), time(17), ("2026-07-01T13:00", "2026-07-01T21:00")),
            # 02:30 does not exist on 8 March: the clock jumps from 02:00 to 03:00 at 07:00 UTC.
            (date(2026, 3, 8), time(2, 30), time(4), ("2026-03-08T07:00", "2026-03-08T08:00")),
            (date(2026, 3, 8), time(1), time(2, 30), ("2026-03-08T06:00", "2026-03-08T07:00")),
            (date(2026, 3, 8), time(2, 15), time(2, 45), None),
            # 01:30 comes twice on 1 November, at 05:30 and 06:30 UTC.
            (date(2026, 11, 1), time(1, 30), time(4), ("2026-11-01T06:30", "2026-11-01T09:00")),
            (date(2026, 11, 1), time(0), time(1, 30), ("2026-11-01T04:00", "2026-11-01T05:30")),
            (date(2026, 11, 1), time(1, 15), time(1, 45), None),
            (date(2026, 11, 1), time(0, 30), time(2), ("2026-11-01T04:30", "2026-11-01T07:00")),
        ],
    )
    def test_clock_changes(self, day: date, opens: time, closes: time, expected: tuple[str, str] | None) -> None:
        interval = local_interval(day, opens, closes, zone="America/New_York")
        assert interval == (expected and tuple(datetime.fromisoformat(f"{text}+00:00") for text in expected))

    @pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "Antarctica/Troll", "Asia/Kolkata", "Africa/Casablanca"])
    def test_never_outside_its_own_wall_clock_in_odd_zones(self, zone: str) -> None:
        for offset in range(366):
            interval = local_interval(date(2026, 1, 1) + timedelta(days=offset), time(1, 40), time(2, 20), zone=zone)
            for at in (interval.opens_at, interval.closes_at - timedelta(seconds=1)) if interval else ():
                assert time(1, 40) <= at.astimezone(ZoneInfo(zone)).time() < time(2, 20)


class TestIntersect:
    ranges = st.lists(st.integers(0, 60), max_size=12, unique=True).map(
        lambda points: [
            Interval(datetime(2026, 1, 1, 0, start, tzinfo=UTC), datetime(2026, 1, 1, 0, end, tzinfo=UTC))
            for start, end in list(pairwise(sorted(min(point, 59) for point in set(points))))[::2]
            if start < end
        ]
    )

    @given(first=ranges, second=ranges)
    def test_is_what_both_contain(self, first: list[Interval], second: list[Interval]) -> None:
        common = intersect(first, second)
        for minute in range(60):
            at = datetime(2026, 1, 1, 0, minute, tzinfo=UTC)
            inside = [any(start <= at < end for start, end in side) for side in (common, first, second)]
            assert inside[0] == (inside[1] and inside[2])
