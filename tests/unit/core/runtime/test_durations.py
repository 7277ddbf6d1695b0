"""What must hold between durations is judged at start: each bound, broken, is refused by its setting's name."""

from datetime import timedelta

import pytest

from services.core.runtime.durations import BOUNDS, Bound, Durations, TaskLimits, faults
from services.core.runtime.settings import SettingsInvalid, read_settings

MOMENT = timedelta(microseconds=1)


def values() -> dict[str, timedelta]:
    parts = (("durations", Durations()), ("celery", TaskLimits()))
    return {f"{part}__{name}": value for part, model in parts for name, value in model}


def needed(bound: Bound) -> timedelta:
    return bound.times * (sum((values()[name] for name in bound.of), timedelta(0)) + bound.more)


def read_with(monkeypatch: pytest.MonkeyPatch, setting: str, value: timedelta) -> None:
    monkeypatch.setenv(f"ATTACKACRACK_{setting.upper()}", f"{value.total_seconds():f}")
    read_settings()


def test_the_defaults_hold() -> None:
    assert list(faults(Durations(), TaskLimits())) == []


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: f"{'+'.join(bound.of)}<{bound.limit}")
class TestEachBound:
    def test_broken_is_refused_by_name_with_the_remedy(self, bound: Bound, monkeypatch: pytest.MonkeyPatch) -> None:
        short = needed(bound) - (MOMENT if bound.may_equal else timedelta(0))
        named = rf"ATTACKACRACK_{bound.limit.upper()}: [\d.]+ s must be .*raise it, or {bound.otherwise}"
        with pytest.raises(SettingsInvalid, match=named) as refused:
            read_with(monkeypatch, bound.limit, short)
        assert all(name.upper() in str(refused.value) for name in bound.of)

    def test_just_kept_is_taken(self, bound: Bound) -> None:
        part, _, name = bound.limit.partition("__")
        enough = {name: needed(bound) + (timedelta(0) if bound.may_equal else MOMENT)}
        durations, celery = (
            (Durations(**enough), TaskLimits()) if part == "durations" else (Durations(), TaskLimits(**enough))
        )
        assert bound.otherwise not in " ".join(fault.says for fault in faults(durations, celery))


def test_a_slower_task_asks_for_longer_leases_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        read_with(monkeypatch, "celery__time_limit", timedelta(minutes=2))
    for setting in ("CELERY__SOFT_SHUTDOWN", "DURATIONS__INBOX_LEASE", "DURATIONS__RUN_LEASE"):
        assert f"ATTACKACRACK_{setting}: " in str(refused.value)


def test_a_scale_is_no_way_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTACKACRACK_TIME_SCALE", "60")
    assert read_settings().timings.inbox_lease == timedelta(seconds=1)
    monkeypatch.setenv("ATTACKACRACK_PROVIDER", "quo")
    with pytest.raises(SettingsInvalid, match="ATTACKACRACK_TIME_SCALE"):
        read_settings()
