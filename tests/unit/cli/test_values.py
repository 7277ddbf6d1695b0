"""Times and durations as people write them, and a campaign's window."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.cli.values import read_duration, read_instant
from services.cli.verbs.campaigns import read_window
from services.core.domain.failures import RefusedInput


@pytest.mark.parametrize("text", ["2026-11-24T09:00:00-05:00", "2026-11-24T14:00Z", "2026-11-24 14:00+00:00"])
def test_instant(text: str) -> None:
    assert read_instant(text) == datetime(2026, 11, 24, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-11-24", "2026-11-24T09:00", "2026-11-24T24:01Z", "2026-02-30T10:00Z", "1e400"]
)
def test_no_instant(text: str) -> None:
    with pytest.raises(RefusedInput, match="write it as"):
        read_instant(text)


@pytest.mark.parametrize(
    ("text", "duration"),
    [("PT1H", timedelta(hours=1)), ("P1DT30M", timedelta(days=1, minutes=30)), ("PT1.5S", timedelta(seconds=1.5))],
)
def test_duration(text: str, duration: timedelta) -> None:
    assert read_duration(text) == duration


@pytest.mark.parametrize("text", ["", "90", "soon", "1 hour", "nan", "1e400", "P999999Y"])
def test_no_duration(text: str) -> None:
    with pytest.raises(RefusedInput):
        read_duration(text)


@pytest.mark.parametrize(
    ("text", "weekdays", "rest"),
    [
        ("Mon-Fri 09:00-17:00", [0, 1, 2, 3, 4], {}),
        ("mon,WED 09:00-17:00", [0, 2], {}),
        ("Sat-Mon 09:00-17:00", [0, 5, 6], {}),
        ("Sun 09:00-17:00 America/Chicago", [6], {"zone": "America/Chicago"}),
    ],
)
def test_window(text: str, weekdays: list[int], rest: dict[str, Any]) -> None:
    assert read_window(text) == {"weekdays": weekdays, "opens": "09:00", "closes": "17:00", **rest}


@pytest.mark.parametrize("text", ["", "Mon-Fri", "09:00-17:00", "Foo 09:00-17:00", "Mon- 09:00-17:00", "Mon 9-17"])
def test_no_window(text: str) -> None:
    with pytest.raises(RefusedInput, match="write it as Mon-Fri"):
        read_window(text)
