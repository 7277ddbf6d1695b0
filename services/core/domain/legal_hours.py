"""When the law lets us text somebody: federal quiet hours and the states' own, in every zone and state it may be in.

The rules are data (`data/legal_hours.csv`), each row with its source, review date and whether the statute itself was
read; unverified rows apply all the same. `US` rows bind everywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from hashlib import sha256

from services.core.domain.intervals import DAY, Interval, intersect, local_interval, utc_day
from services.core.domain.zones import Location, read_table

CLOSING_MARGIN = timedelta(minutes=10)
FEDERAL = "US"
WEEKDAYS = {
    "all": frozenset(range(7)),
    "weekdays": frozenset(range(5)),
    "weekends": frozenset({5, 6}),
    "mondays_to_saturdays": frozenset(range(6)),
    "sundays": frozenset({6}),
}


@dataclass(frozen=True, slots=True)
class HoursRule:
    """One row of the table: on `weekdays` (Monday is 0) texting in `state` is legal from `opens` to `closes`, local."""

    state: str
    weekdays: frozenset[int]
    opens: time
    closes: time
    source: str
    reviewed: date
    verified: bool

    @property
    def name(self) -> str:
        return f"{self.state} {self.opens:%H:%M}-{self.closes:%H:%M}"


def legally_open(location: Location, at: datetime) -> bool:
    """True if `at` is legal in every zone and state of `location`, ten minutes before closing at the latest."""
    at = at.astimezone(UTC)
    return any(opens_at <= at < closes_at for opens_at, closes_at in legal_intervals(location, at.date()))


@lru_cache(maxsize=16_384)
def legal_intervals(location: Location, day: date) -> tuple[Interval, ...]:
    """The parts of the UTC day `day` in which `location` may be texted; those of two days may touch at midnight.

    Source: contract section 6b and `reliability.md` I9; a location without any zone is never open.
    """
    common = [utc_day(day)] if location.zones else []
    for zone in location.zones:
        common = intersect(common, _zone_intervals(zone, location.states, day))
    return tuple(common)


def rules_on(states: Iterable[str], weekday: int) -> tuple[HoursRule, ...]:
    """The rules that bind on `weekday` in any of `states`; no states means all rules there are."""
    wanted = {FEDERAL, *states}
    strictest = len(wanted) == 1
    return tuple(rule for rule in _rules() if weekday in rule.weekdays and (strictest or rule.state in wanted))


@lru_cache(maxsize=65_536)
def _zone_intervals(zone: str, states: frozenset[str], day: date) -> tuple[Interval, ...]:
    local_days = (day - DAY, day, day + DAY)
    intervals = (local_interval(local_day, *_hours(states, local_day.weekday()), zone=zone) for local_day in local_days)
    return tuple(interval for interval in intervals if interval)


@cache
def _hours(states: frozenset[str], weekday: int) -> tuple[time, time]:
    rules = rules_on(states, weekday)
    closes = datetime.combine(date.min, min(rule.closes for rule in rules)) - CLOSING_MARGIN
    return max(rule.opens for rule in rules), closes.time()


@cache
def _rules() -> tuple[HoursRule, ...]:
    return tuple(
        HoursRule(
            state=row["state"],
            weekdays=WEEKDAYS[row["days"]],
            opens=time.fromisoformat(row["opens"]),
            closes=time.fromisoformat(row["closes"]),
            source=row["source"],
            reviewed=date.fromisoformat(row["reviewed"]),
            verified=row["verified"] == "yes",
        )
        for row in read_table("legal_hours.csv")
    )


def _rules_version() -> str:
    digest = sha256(repr(read_table("legal_hours.csv")).encode()).hexdigest()
    return f"{max(rule.reviewed for rule in _rules())}.{digest[:8]}"


RULES_VERSION: str = _rules_version()
