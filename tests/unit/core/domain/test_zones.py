import re
from collections import defaultdict
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
import pytest
from phonenumbers.geodata import GEOCODE_DATA
from phonenumbers.tzdata import TIMEZONE_DATA

from services.core.domain import zones
from services.core.domain.zones import Location, area_codes, locate, state_code, states, valid_zone

NEW_YORK, CHICAGO, DENVER, LOS_ANGELES = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"

ORDINARY_TYPES = {
    phonenumbers.PhoneNumberType.FIXED_LINE,
    phonenumbers.PhoneNumberType.MOBILE,
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
}

# Where our table knowingly says something else than `phonenumbers` 9.0.43 does.
UNKNOWN_TO_PHONENUMBERS = {
    "357": "overlay of 559, newer than its data",
    "436": "overlay of 440, newer than its data",
    "457": "overlay of 318, newer than its data",
    "465": "overlay of 347/718/929, newer than its data",
    "471": "overlay of 662, newer than its data",
    "483": "overlay of 334, newer than its data",
    "621": "overlay of 281/346/713/832, newer than its data",
    "624": "overlay of 716, newer than its data",
    "679": "overlay of 313, newer than its data",
    "729": "overlay of 423, newer than its data",
    "837": "overlay of 530, newer than its data",
    "861": "overlay of 309, newer than its data",
    "924": "overlay of 507, newer than its data",
}
OTHER_ZONES = {
    "364": "overlay of 270, which it does split",
    "448": "overlay of 850, which it does split",
    "458": "overlay of 541, which it does split",
    "689": "overlay of 407: Orlando is Eastern",
    "907": "it lists Honolulu, where the Aleutians' Adak zone is meant; Adak observes summer time",
    "930": "overlay of 812, which it does split",
}
OTHER_STATES = {
    "201": "one exchange is described as New York; the code is New Jersey's",
    "670": "no description",
    "671": "described by town",
    "684": "no description",
    "787": "no description",
    "939": "no description",
}


class TestLocate:
    @pytest.mark.parametrize(
        ("e164", "state", "timezone", "expected_zones", "expected_states"),
        [
            ("+12125550123", None, None, {NEW_YORK}, {"NY"}),
            ("+12125550123", "", "", {NEW_YORK}, {"NY"}),
            ("+12125550123", "NY", NEW_YORK, {NEW_YORK}, {"NY"}),
            ("+15125550123", None, None, {CHICAGO}, {"TX"}),
            ("+15125550123", "TX", None, {CHICAGO, DENVER}, {"TX"}),
            ("+15125550123", "texas", CHICAGO, {CHICAGO}, {"TX"}),
            ("+18505550123", None, None, {NEW_YORK, CHICAGO}, {"FL"}),
            ("+18505550123", None, CHICAGO, {CHICAGO}, {"FL"}),
            ("+12085550123", None, None, {"America/Boise", LOS_ANGELES}, {"ID"}),
            ("+13135550123", None, "US/Eastern", {"US/Eastern"}, {"MI"}),
            ("+16715550123", None, None, {"Pacific/Guam"}, {"GU"}),
            ("+15005550006", "CA", None, {LOS_ANGELES}, {"CA"}),
            ("+15005550006", None, LOS_ANGELES, {LOS_ANGELES}, set()),
            ("+12125550123", None, "EST", {NEW_YORK}, {"NY"}),
            ("+12125550123", None, "America/Nowhere", {NEW_YORK}, {"NY"}),
            ("+12125550123", "Ontario", None, {NEW_YORK}, {"NY"}),
        ],
    )
    def test_the_best_fact_decides(
        self, e164: str, state: str | None, timezone: str | None, expected_zones: set[str], expected_states: set[str]
    ) -> None:
        assert locate(e164=e164, state=state, timezone=timezone) == Location(
            zones=frozenset(expected_zones), states=frozenset(expected_states), facts_disagree=False
        )

    @pytest.mark.parametrize(
        ("e164", "state", "timezone", "expected_zones", "expected_states"),
        [
            ("+12125550123", "CA", None, {NEW_YORK, LOS_ANGELES}, {"NY", "CA"}),
            ("+16155550123", "CA", None, {NEW_YORK, CHICAGO, LOS_ANGELES}, {"TN", "CA"}),
            ("+12125550123", "CA", LOS_ANGELES, {NEW_YORK, LOS_ANGELES}, {"NY", "CA"}),
            ("+12125550123", "NY", LOS_ANGELES, {NEW_YORK, LOS_ANGELES}, {"NY"}),
            ("+12125550123", None, LOS_ANGELES, {NEW_YORK, LOS_ANGELES}, {"NY"}),
            ("+19155550123", "TX", CHICAGO, {CHICAGO, DENVER}, {"TX"}),
            ("+12125550123", None, "Europe/London", {NEW_YORK, "Europe/London"}, {"NY"}),
            ("+15005550006", "CA", NEW_YORK, {NEW_YORK, LOS_ANGELES}, {"CA"}),
        ],
    )
    def test_facts_that_disagree_are_all_believed(
        self, e164: str, state: str | None, timezone: str | None, expected_zones: set[str], expected_states: set[str]
    ) -> None:
        assert locate(e164=e164, state=state, timezone=timezone) == Location(
            zones=frozenset(expected_zones), states=frozenset(expected_states), facts_disagree=True
        )

    @pytest.mark.parametrize("e164", ["+15005550006", "+14165550123", "+447400123456", ""])
    def test_an_unknown_place_may_be_in_any_of_the_fifty_states_and_dc(self, e164: str) -> None:
        location = locate(e164=e164, state=None, timezone=None)
        fifty_one = [state.zones for code, state in states().items() if code not in {"AS", "GU", "MP", "PR", "VI"}]
        assert len(fifty_one) == 51
        assert location == Location(zones=frozenset().union(*fifty_one), states=frozenset(), facts_disagree=False)


class TestValidZone:
    @pytest.mark.parametrize("name", [NEW_YORK, "Pacific/Guam", "America/Indiana/Knox", "US/Pacific", "Europe/Paris"])
    def test_places(self, name: str) -> None:
        assert valid_zone(name)

    @pytest.mark.parametrize(
        "name",
        ["", "EST", "MST", "HST", "EST5EDT", "UTC", "GMT", "GMT+5", "Etc/GMT+5", "Etc/UTC", "America/Nowhere", "-05:00",
         "America", "america/new_york", "America/New_York ", "../etc/passwd", "America/../UTC", "US/", "\0"],
    )  # fmt: skip
    def test_no_places(self, name: str) -> None:
        assert not valid_zone(name)

    def test_every_zone_of_the_us_is_some_states(self) -> None:
        table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text().splitlines()
        rows = [line.split("\t") for line in table if not line.startswith("#")]
        expected = {row[2] for row in rows if row[0] in {"US", "PR", "VI", "GU", "AS", "MP"}}
        ours = frozenset().union(*(state.zones for state in states().values()))
        assert ours == expected
        assert all(valid_zone(name) for name in ours)

    def test_every_fixed_offset_is_refused(self) -> None:
        offsets = {name for name in available_timezones() if name.startswith("Etc/") or "/" not in name}
        assert offsets
        assert not any(map(valid_zone, offsets))


class TestStateCode:
    @pytest.mark.parametrize(
        ("text", "code"),
        [("TX", "TX"), (" tx ", "TX"), ("Texas", "TX"), ("NORTH  CAROLINA", "NC"), ("D.C.", "DC"), ("US-NY", "NY"),
         ("Washington, D.C.", "DC"), ("Washington", "WA"), ("Puerto Rico", "PR"), ("US Virgin Islands", "VI"),
         ("", None), ("XX", None), ("Ontario", None), ("--", None)],
    )  # fmt: skip
    def test_codes_and_names(self, text: str, code: str | None) -> None:
        assert state_code(text) == code


class TestTables:
    def test_rows_are_consistent(self) -> None:
        for code, area in area_codes().items():
            assert re.fullmatch("[2-9][0-9]{2}", code)
            assert area.states <= states().keys()
            assert all(ZoneInfo(zone) for zone in area.zones)
            assert area.zones <= frozenset().union(*(states()[state].zones for state in area.states))

    @pytest.mark.parametrize("name", ["area_codes.csv", "states.csv", "legal_hours.csv"])
    def test_every_row_has_its_source_and_review_date(self, name: str) -> None:
        rows = zones.read_table(name)
        assert rows
        assert all(row["source"] and re.fullmatch(r"20\d\d-\d\d-\d\d", row["reviewed"]) for row in rows)
        keys = [(row.get("area_code") or row["state"], row.get("days")) for row in rows]
        assert len(keys) == len(set(keys))

    def test_every_state_has_an_area_code(self) -> None:
        assert frozenset().union(*(area.states for area in area_codes().values())) == states().keys()

    def test_the_same_area_codes_as_phonenumbers(self) -> None:
        known = {code for code in map(str, range(200, 1000)) if _geographic(code)}
        assert known - area_codes().keys() == set()
        assert area_codes().keys() - known == UNKNOWN_TO_PHONENUMBERS.keys()

    def test_the_same_zones_as_phonenumbers(self) -> None:
        theirs: defaultdict[str, set[str]] = defaultdict(set)
        for prefix, names in TIMEZONE_DATA.items():
            if re.match("1[2-9]..", str(prefix)):
                theirs[str(prefix)[1:4]].update(names)
        different = {code for code, area in area_codes().items() if _clocks(area.zones) != _clocks(theirs[code])}
        assert different == OTHER_ZONES.keys() | UNKNOWN_TO_PHONENUMBERS.keys()

    def test_the_same_states_as_phonenumbers(self) -> None:
        names = {state.name: code for code, state in states().items()}
        names |= {"Washington D.C.": "DC", "Washington State": "WA"}
        theirs: defaultdict[str, set[str]] = defaultdict(set)
        for prefix, descriptions in GEOCODE_DATA.items():
            place = descriptions.get("en") or ""
            if re.match("1[2-9]..", str(prefix)) and (place in names or re.search(r"\b[A-Z]{2}$", place)):
                theirs[str(prefix)[1:4]].add(names.get(place, place[-2:]))
        different = {code for code, area in area_codes().items() if area.states != theirs[code]}
        assert different == OTHER_STATES.keys() | UNKNOWN_TO_PHONENUMBERS.keys()


def _geographic(code: str) -> bool:
    """Some number of the code is an ordinary one of the US or a territory; two territories use few exchanges."""
    numbers = [phonenumbers.parse(f"+1{code}{exchange}5678") for exchange in ("234", "642", "633")]
    return any(
        phonenumbers.region_code_for_number(number) in {"US", "PR", "VI", "GU", "AS", "MP"}
        and phonenumbers.number_type(number) in ORDINARY_TYPES
        for number in numbers
    )


def _clocks(names: frozenset[str] | set[str]) -> set[object]:
    return {zones._clock(name) for name in names}
