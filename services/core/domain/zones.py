"""Where a contact may be: the zones and states that its number, its state and its own time zone allow.

Area codes and states are data (`data/area_codes.csv`, `data/states.csv`), each row with its source. The precedence is
own zone, else all zones of the state, else all zones of the area code, else every state's. Facts that contradict each
other are all believed, so that the strictest of them decides.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

TERRITORIES = frozenset({"AS", "GU", "MP", "PR", "VI"})
STATE_ALIASES = {"washingtondc": "DC", "virginislands": "VI", "usvirginislands": "VI", "samoa": "AS"}
# Names outside these areas are fixed offsets (EST, Etc/GMT+5) or abbreviations, not places.
# fmt: off
GEOGRAPHIC_AREAS = frozenset({
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Brazil",
    "Canada", "Chile", "Europe", "Indian", "Mexico", "Pacific", "US",
})
# fmt: on
CLOCKS_COMPARED_FROM = datetime(2026, 1, 1, tzinfo=UTC)
HOURS_COMPARED = 366 * 24


@dataclass(frozen=True, slots=True)
class Location:
    """Every zone and state a contact may be in; no states means unknown, and the strictest rule of all applies."""

    zones: frozenset[str]
    states: frozenset[str]
    facts_disagree: bool


@dataclass(frozen=True, slots=True)
class AreaCode:
    states: frozenset[str]
    zones: frozenset[str]


@dataclass(frozen=True, slots=True)
class State:
    code: str
    name: str
    zones: frozenset[str]


def locate(*, e164: str, state: str | None, timezone: str | None) -> Location:
    """Where the holder of `e164` may be, given the contact's own `state` (code or name) and IANA `timezone`.

    An unknown state and a zone that is no place (see `valid_zone`) are ignored. When two of the three facts contradict
    each other the answer holds the zones and states of all of them and is flagged.
    """
    return _locate(e164[2:5] if e164.startswith("+1") else "", state_code(state or ""), timezone or "")


def valid_zone(name: str) -> bool:
    """True for an IANA zone that names a place; False for EST, GMT+5, Etc/* and names that do not exist."""
    return name.partition("/")[0] in GEOGRAPHIC_AREAS and name in _zone_names()


def state_code(text: str) -> str | None:
    """The postal code of a state, the district or a territory written as code or name, whatever its case."""
    return _state_names().get("".join(character for character in text.casefold() if character.isalnum()))


@cache
def area_codes() -> dict[str, AreaCode]:
    return {
        row["area_code"]: AreaCode(frozenset(row["states"].split("|")), frozenset(row["zones"].split("|")))
        for row in read_table("area_codes.csv")
    }


@cache
def states() -> dict[str, State]:
    """The fifty states, the District of Columbia and the territories, by postal code."""
    return {
        row["state"]: State(row["state"], row["name"], frozenset(row["zones"].split("|")))
        for row in read_table("states.csv")
    }


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of one of the domain's data files."""
    text = (files("services.core.domain") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@lru_cache(maxsize=65_536)
def _locate(area_code: str, state: str | None, timezone: str) -> Location:
    own = timezone if valid_zone(timezone) else None
    home = states()[state] if state else None
    area = area_codes().get(area_code)
    if _disagree(own=own, home=home, area=area):
        possible = (area.states if area else frozenset()) | ({home.code} if home else frozenset())
        zones = _zones_of(possible) | (area.zones if area else frozenset()) | ({own} if own else frozenset())
        return Location(zones=zones, states=possible, facts_disagree=True)
    possible = frozenset({home.code}) if home else area.states if area else frozenset()
    zones = frozenset({own}) if own else home.zones if home else area.zones if area else _every_states_zones()
    return Location(zones=zones, states=possible, facts_disagree=False)


def _disagree(*, own: str | None, home: State | None, area: AreaCode | None) -> bool:
    if home and area and home.code not in area.states:
        return True
    places = [place.zones for place in (home, area) if place]
    return own is not None and any(_clock(own) not in map(_clock, zones) for zones in places)


def _zones_of(codes: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(states()[code].zones for code in codes))


@cache
def _every_states_zones() -> frozenset[str]:
    return _zones_of(states().keys() - TERRITORIES)


@cache
def _clock(zone: str) -> tuple[timedelta | None, ...]:
    """What clocks in `zone` show over a year: Detroit and New York, or a zone and its alias, are the same clock."""
    place = ZoneInfo(zone)
    hours = (CLOCKS_COMPARED_FROM + timedelta(hours=hour) for hour in range(HOURS_COMPARED))
    return tuple(place.utcoffset(hour.astimezone(place)) for hour in hours)


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _state_names() -> dict[str, str]:
    names = dict(STATE_ALIASES)
    for state in states().values():
        name = "".join(character for character in state.name.casefold() if character.isalnum())
        names |= dict.fromkeys((state.code.casefold(), f"us{state.code.casefold()}", name), state.code)
    return names
