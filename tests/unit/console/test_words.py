"""How pages say times and spans."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.console.pages.words import masked, moment, span

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 3, 2, 18, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (NOW, "today 13:16"),
        (NOW + timedelta(hours=12), "tomorrow 01:16"),  # two days of UTC, one night in New York
        (NOW - timedelta(hours=14), "yesterday 23:16"),
        (NOW + timedelta(days=2), "Wed 4 Mar 13:16"),
        (NOW - timedelta(days=365), "Sun 2 Mar 2025 13:16"),
    ],
)
def test_a_moment_is_said_as_seen_from_the_business(at: datetime, said: str) -> None:
    assert moment(at, now=NOW, zone=NEW_YORK) == said


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=3, minutes=59), "3 hours"),
        (timedelta(days=1200), "1,200 days"),
    ],
)
def test_a_span_is_its_largest_unit(duration: timedelta, said: str) -> None:
    assert span(duration) == said


def test_a_masked_number_shows_its_end_alone() -> None:
    assert masked("+12025550143") == "+1 ••• ••43"
