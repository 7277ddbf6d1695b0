"""What a row keeps as JSON comes back as it was, and nothing else is taken for it."""

import json
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from services.core.domain.audiences import Audience
from services.core.domain.plans import Exclusion, PlanSums, Unwritable
from services.core.domain.send_gate import Reason
from services.core.domain.sending_window import DEFAULT_WINDOW, OwnWindow
from services.core.domain.stored import FormUnknown, Stored

SUMS = PlanSums(
    recipients=2,
    excluded={"opted_out": 1},
    deferred={},
    variants={"a": 1, "b": 1},
    segments=3,
    cost_usd=Decimal("0.03"),
    finish_at=datetime(2026, 3, 4, 21, 30, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Audience(everyone=True), {"all": True, "fields": []}),
        (Audience(import_id=7, fields=("pool",)), {"import": 7, "fields": ["pool"]}),
        (Audience(failed_of=3), {"failed_of": 3, "fields": []}),
        (
            OwnWindow(weekdays=frozenset({4, 0}), opens=time(9), closes=time(17)),
            {
                "weekdays": [0, 4],
                "opens": "09:00",
                "closes": "17:00",
                "holidays_closed": True,
                "crosses_midnight": False,
            },
        ),
        (
            SUMS,
            {
                "recipients": 2,
                "excluded": {"opted_out": 1},
                "deferred": {},
                "variants": {"a": 1, "b": 1},
                "segments": 3,
                "cost_usd": "0.03",
                "finish_at": "2026-03-04T21:30:00+00:00",
            },
        ),
    ],
    ids=["everyone", "import", "failed", "window", "plan"],
)
def test_comes_back(value: Stored, kept: dict[str, Any]) -> None:
    assert value.as_json() == kept
    assert type(value).of_json(json.loads(json.dumps(kept))) == value


@pytest.mark.parametrize(
    ("cls", "kept"),
    [
        (Audience, {}),
        (Audience, {"fields": ["pool"]}),
        (Audience, {"all": False}),
        (Audience, {"all": True, "import": 1}),
        (Audience, {"tags": [1]}),
        (Audience, {"all": True, "without": {"tags": [1]}}),
        (OwnWindow, {"opens": "09:00"}),
        (OwnWindow, {"opens": 9, "closes": "17:00"}),
        (OwnWindow, {"opens": "25:00", "closes": "17:00"}),
        (OwnWindow, {"opens": "09:00", "closes": "17:00", "lunch": "12:00"}),
        (PlanSums, {"recipients": 1}),
        (PlanSums, SUMS.as_json() | {"cost_usd": "a lot"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else json.dumps(value)[:40],
)
def test_what_is_none_is_refused(cls: type[Stored], kept: dict[str, Any]) -> None:
    with pytest.raises(FormUnknown, match=cls.__name__):
        cls.of_json(kept)


def test_a_window_takes_from_the_installation_what_it_leaves_open() -> None:
    own = OwnWindow.of_json({"opens": "10:00", "closes": "11:00"}).within(DEFAULT_WINDOW)
    assert (own.weekdays, own.zone, own.opens) == (DEFAULT_WINDOW.weekdays, DEFAULT_WINDOW.zone, time(10))


@pytest.mark.parametrize(
    ("exclusion", "text"),
    [
        (Exclusion(Reason.OPTED_OUT), "opted_out"),
        (Exclusion(Unwritable.SUPPRESSED, "landline"), "suppressed:landline"),
        (Exclusion(Unwritable.MISSING_FIELDS, "city,zip"), "missing_fields:city,zip"),
    ],
)
def test_an_exclusion_is_kept_as_its_code_and_what_it_is_about(exclusion: Exclusion, text: str) -> None:
    assert str(exclusion) == text
