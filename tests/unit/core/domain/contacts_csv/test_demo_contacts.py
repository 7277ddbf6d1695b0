"""The demo's audience: its figures are told to people, and must hold in every season."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.core.domain.contacts_csv import ContactRow, read_contacts
from services.core.domain.phone_numbers import parse_phone_number
from services.core.domain.sending_window import DEFAULT_WINDOW, HoursReason, decide_hours, window_close
from services.core.domain.zones import locate

DEMO = Path(__file__).parents[5] / "services" / "cli" / "demo" / "contacts.csv"
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def rows() -> list[ContactRow]:
    return list(read_contacts([DEMO.read_bytes()], parse_number=parse_phone_number))


@pytest.fixture(scope="module")
def audience(rows: list[ContactRow]) -> list[ContactRow]:
    """Each number once, without those that any row opts out."""
    opted_out = {row.e164 for row in rows if row.opted_out}
    first = {row.e164: row for row in reversed(rows) if row.rejection is None and row.e164 not in opted_out}
    return list(first.values())


def test_every_kind_of_defect_is_there(rows: list[ContactRow]) -> None:
    assert Counter(row.rejection for row in rows) == {
        None: 276,
        "missing": 3,
        "not_a_number": 3,
        "scientific_notation": 1,
        "too_short": 3,
        "too_long": 2,
        "invalid_area_code": 3,
        "country_not_allowed": 2,
        "not_textable": 4,
        "two_numbers": 2,
        "field_too_long": 1,
        "ragged": 2,
        "bad_opt_out_mark": 2,
    }
    assert Counter(warning for row in rows for warning in row.warnings) == {
        "timezone_ignored": 2,
        "extension_dropped": 1,
    }


def test_every_number_is_fictional(rows: list[ContactRow]) -> None:
    assert all(row.e164 is None or row.e164[5:10] == "55501" for row in rows)


@pytest.mark.parametrize("day", ["2026-11-24", "2027-01-06", "2027-03-17", "2027-07-07", "2026-11-27"])
def test_who_is_texted_at_one_in_new_york_is_the_same_in_every_season(audience: list[ContactRow], day: str) -> None:
    at = datetime.fromisoformat(f"{day}T13:00").replace(tzinfo=NEW_YORK)
    decisions = [
        decide_hours(locate(e164=row.e164 or "", state=row.state, timezone=row.timezone), DEFAULT_WINDOW, at)
        for row in audience
    ]
    assert sum(decision.allowed for decision in decisions) == 238
    assert sum(decision.reason is HoursReason.NO_COMMON_HOURS for decision in decisions) == 6
    later = [decision.next_allowed_at for decision in decisions if not decision.allowed and decision.next_allowed_at]
    assert len(later) == 4
    assert min(later) > window_close(DEFAULT_WINDOW, at)
