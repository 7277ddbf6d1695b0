"""Each part of the report, well and unwell."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.core.domain.health import Part, Vitals, Waiting, judge

NOTHING = Waiting(0)
WELL = Vitals(
    beat_silent=timedelta(seconds=1),
    due=NOTHING,
    last_attempt=None,
    inbox=NOTHING,
    quarantined=NOTHING,
    queued={"webhooks": NOTHING, "campaigns": NOTHING, "priority": NOTHING, "default": NOTHING},
    depths={"webhooks": 0, "campaigns": 0, "priority": 0, "default": 0},
    running={},
    uncertain=NOTHING,
    held=NOTHING,
    dead_letters=NOTHING,
    reviews=NOTHING,
    stopped_campaigns=NOTHING,
    missed_runs=0,
    stopped_by=None,
    stopped_for=None,
    refused_because=None,
    caps={},
)


def waiting(**age: float) -> Waiting:
    return Waiting(3, timedelta(**age))


def part(name: str, **changed: Any) -> Part:
    return {each.name: each for each in judge(replace(WELL, **changed))}[name]


def test_an_idle_installation_is_well() -> None:
    assert [each.name for each in judge(WELL) if not each.well] == []


@pytest.mark.parametrize(
    ("name", "well", "changed"),
    [
        ("beat", True, {"beat_silent": timedelta(seconds=30)}),
        ("beat", False, {"beat_silent": timedelta(seconds=31)}),
        ("beat", False, {"beat_silent": None}),
        ("queue campaigns", True, {"queued": {"campaigns": waiting(minutes=5)}}),
        ("queue campaigns", False, {"queued": {"campaigns": waiting(minutes=5, seconds=1)}}),
        ("queue webhooks", False, {"queued": {"webhooks": waiting(seconds=61)}}),
        ("queue priority", True, {"queued": {"priority": waiting(seconds=119)}}),
        ("queue priority", False, {"queued": {"priority": waiting(seconds=121)}}),
        ("queue default", False, {"queued": {"default": waiting(minutes=3)}}),
        ("inbox", True, {"inbox": waiting(seconds=60)}),
        ("inbox", False, {"inbox": waiting(seconds=61)}),
        ("quarantine", False, {"quarantined": waiting(seconds=0)}),
        ("sending", True, {"due": waiting(minutes=4)}),
        ("sending", False, {"due": waiting(minutes=6)}),
        ("sending", True, {"due": waiting(hours=3), "last_attempt": timedelta(seconds=2)}),
        ("sending", False, {"due": waiting(hours=3), "last_attempt": timedelta(minutes=3)}),
        ("sending", True, {"stopped_by": "mia"}),
        ("sending", False, {"stopped_by": "mia", "due": waiting(minutes=6)}),
        ("provider account", False, {"refused_because": "insufficient_funds"}),
        ("schedule", False, {"missed_runs": 1}),
        ("uncertain messages", True, {"uncertain": waiting(minutes=15)}),
        ("uncertain messages", False, {"uncertain": waiting(minutes=16)}),
        ("dead letters", False, {"dead_letters": waiting(seconds=1)}),
        ("held messages", False, {"held": waiting(seconds=1)}),
    ],
)
def test_each_part_at_its_limit(name: str, well: bool, changed: dict[str, Any]) -> None:
    found = part(name, **changed)
    assert found.well is well
    assert bool(found.remedy) is not well, "what is wrong has a remedy, and nothing else has one"


@pytest.mark.parametrize(
    ("name", "changed", "found"),
    [
        ("queue webhooks", {"queued": {"webhooks": waiting(seconds=5)}}, "0 tasks wait, the oldest work for 5 s"),
        ("queue webhooks", {"depths": {}}, "depth unknown"),
        ("sending", {"due": waiting(seconds=5)}, "3 are due, the oldest for 5 s"),
        ("sending", {"stopped_by": "mia"}, "stopped by mia, 0 are due"),
        ("schedule", {"missed_runs": 2}, "2 due times of the last day have no run"),
    ],
)
def test_it_says_what_was_found(name: str, changed: dict[str, Any], found: str) -> None:
    assert part(name, **changed).found == found


def test_what_waits_has_an_age() -> None:
    assert part("inbox", inbox=waiting(seconds=7)).age == timedelta(seconds=7)
    assert part("inbox").age is None
