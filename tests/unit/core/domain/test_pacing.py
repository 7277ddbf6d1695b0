from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.domain.pacing import Pacing, expected_slot, interleave, plan_slots, projected_finish
from services.core.domain.sending_window import DEFAULT_WINDOW, SendingWindow, window_open

NEW_YORK = ZoneInfo("America/New_York")
PACING = Pacing(batch_size=25, every=timedelta(minutes=30), daily_cap=125)


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def batches(slots: Iterable[datetime]) -> dict[str, int]:
    return dict(Counter(f"{slot.astimezone(NEW_YORK):%H:%M}" for slot in slots))


class TestPacing:
    @pytest.mark.parametrize(
        "changes", [{"batch_size": 0}, {"daily_cap": 0}, {"daily_cap": -1}, {"every": timedelta(0)}]
    )
    def test_refuses_what_never_sends(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="positive"):
            Pacing(**changes)

    def test_the_default_is_25_every_30_minutes_and_125_a_day(self) -> None:
        assert Pacing() == PACING


class TestPlanSlots:
    @pytest.mark.parametrize(
        ("at", "already_today", "count", "expected"),
        [
            ("08:30", 0, 1000, {"09:00": 25, "09:30": 25, "10:00": 25, "10:30": 25, "11:00": 25}),
            ("08:30", 0, 30, {"09:00": 25, "09:30": 5}),
            ("08:30", 100, 1000, {"11:00": 25}),
            ("08:30", 125, 1000, {}),
            ("08:30", 130, 1000, {}),
            ("08:30", 0, 0, {}),
            ("13:10", 0, 60, {"13:10": 25, "13:40": 25, "14:10": 10}),
            ("09:15", 25, 30, {"09:30": 25, "10:00": 5}),
            ("09:15", 10, 30, {"09:15": 15, "09:45": 15}),
            ("16:10", 0, 1000, {"16:10": 25, "16:40": 25}),
            ("16:30", 0, 1000, {"16:30": 25}),
            ("16:59", 0, 1000, {"16:59": 25}),
            ("17:00", 0, 1000, {}),
        ],
    )
    def test_todays_batches(self, at: str, already_today: int, count: int, expected: dict[str, int]) -> None:
        slots = plan_slots(
            PACING, DEFAULT_WINDOW, new_york(f"2026-11-23T{at}"), already_today=already_today, count=count
        )
        assert batches(slots) == expected

    @pytest.mark.parametrize("day", ["2026-11-26", "2026-11-28", "2026-11-29"])
    def test_nothing_on_a_closed_day(self, day: str) -> None:
        assert not plan_slots(PACING, DEFAULT_WINDOW, new_york(f"{day}T08:30"), already_today=0, count=10)

    @pytest.mark.parametrize(("last_slot", "first"), [("13:00", "13:30"), ("09:00", "13:10"), ("13:30", "14:00")])
    def test_a_second_plan_keeps_its_distance_from_the_first(self, last_slot: str, first: str) -> None:
        slots = plan_slots(
            PACING,
            DEFAULT_WINDOW,
            new_york("2026-11-23T13:10"),
            already_today=25,
            count=25,
            last_slot=new_york(f"2026-11-23T{last_slot}"),
        )
        assert batches(slots) == {first: 25}

    @given(
        batch_size=st.integers(1, 60),
        minutes=st.integers(1, 240),
        daily_cap=st.integers(1, 300),
        start=st.integers(0, 7 * 24 * 60),
        already_today=st.integers(0, 320),
        count=st.integers(0, 400),
    )
    def test_the_cap_the_window_and_the_distance_hold(
        self, batch_size: int, minutes: int, daily_cap: int, start: int, already_today: int, count: int
    ) -> None:
        pacing = Pacing(batch_size=batch_size, every=timedelta(minutes=minutes), daily_cap=daily_cap)
        at = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=start)
        slots = plan_slots(pacing, DEFAULT_WINDOW, at, already_today=already_today, count=count)
        assert len(slots) <= min(count, max(0, daily_cap - already_today))
        assert list(slots) == sorted(slots)
        assert all(slot >= at and window_open(DEFAULT_WINDOW, slot) for slot in slots)
        assert {slot.astimezone(NEW_YORK).date() for slot in slots} <= {at.astimezone(NEW_YORK).date()}
        per_slot = Counter(slots)
        assert all(size <= batch_size for size in per_slot.values())
        assert all(later - earlier == pacing.every for earlier, later in pairwise(sorted(per_slot)))


class TestInterleave:
    def test_takes_turns_until_all_are_empty(self) -> None:
        assert list(interleave({"a": "1234", "b": "x", "c": "yz"})) == list("1xy2z34")

    def test_weights_give_more_turns(self) -> None:
        assert list(interleave({"a": "1234", "b": "xyz"}, weights={"a": 2})) == list("12x34yz")

    def test_nothing_of_nothing(self) -> None:
        assert list(interleave({})) == []

    @given(queues=st.dictionaries(st.integers(0, 5), st.lists(st.integers(), max_size=8)))
    def test_loses_nothing(self, queues: dict[int, list[int]]) -> None:
        tagged = {key: [(key, index, item) for index, item in enumerate(queue)] for key, queue in queues.items()}
        taken = list(interleave(tagged))
        assert sorted(taken) == sorted(item for queue in tagged.values() for item in queue)
        assert all([item for item in taken if item[0] == key] == queue for key, queue in tagged.items())


class TestProjectedFinish:
    @pytest.mark.parametrize(
        ("at", "count", "already_today", "expected"),
        [
            ("2026-11-23T08:30", 0, 0, "2026-11-23T08:30:00"),
            ("2026-11-23T08:30", 1, 0, "2026-11-23T09:00:00.1"),
            ("2026-11-23T08:30", 30, 0, "2026-11-23T09:30:00.5"),
            ("2026-11-23T08:30", 125, 0, "2026-11-23T11:00:02.5"),
            ("2026-11-23T08:30", 126, 0, "2026-11-24T09:00:00.1"),
            ("2026-11-23T08:30", 126, 125, "2026-11-25T09:00:00.1"),
            ("2026-11-23T16:45", 26, 0, "2026-11-24T09:00:00.1"),
            ("2026-11-25T18:00", 1, 125, "2026-11-27T09:00:00.1"),
            ("2026-11-27T18:00", 250, 0, "2026-12-01T11:00:02.5"),
        ],
    )
    def test_table(self, at: str, count: int, already_today: int, expected: str) -> None:
        finish = projected_finish(
            count=count,
            pacing=PACING,
            window=DEFAULT_WINDOW,
            at=new_york(at),
            per_second=10,
            already_today=already_today,
        )
        assert finish == new_york(expected)

    def test_a_slow_rate_fills_its_interval(self) -> None:
        finish = projected_finish(
            count=12, pacing=PACING, window=DEFAULT_WINDOW, at=new_york("2026-11-23T09:00"), per_second=6 / 1800
        )
        assert finish == new_york("2026-11-23T10:00")

    def test_says_nothing_about_what_takes_more_than_ten_years(self) -> None:
        finish = projected_finish(
            count=1_000_000, pacing=PACING, window=DEFAULT_WINDOW, at=new_york("2026-11-23T09:00"), per_second=10
        )
        assert finish is None

    def test_the_same_as_the_last_slot_planned_day_by_day(self) -> None:
        window = SendingWindow(weekdays=frozenset(range(7)), opens=time(10), closes=time(12), zone="America/Denver")
        at, left, last = datetime(2026, 10, 30, 12, tzinfo=UTC), 700, None
        finish = projected_finish(count=left, pacing=PACING, window=window, at=at, per_second=1000)
        while left:
            slots = plan_slots(PACING, window, at, already_today=0, count=left)
            left, last, at = left - len(slots), slots[-1] if slots else last, at + timedelta(days=1)
        assert last is not None
        assert finish is not None
        assert last < finish < last + timedelta(seconds=1)
        assert finish.date() > date(2026, 11, 1)


class TestExpectedSlot:
    @pytest.mark.parametrize(
        ("at", "ahead", "laid_out", "slot"),
        [
            ("2026-12-01T08:00", 0, False, "2026-12-01T09:00"),
            ("2026-12-01T08:00", 30, False, "2026-12-01T09:30"),
            ("2026-12-01T13:00", 0, False, "2026-12-01T13:00"),
            ("2026-12-01T13:00", 0, True, "2026-12-02T09:00"),
            ("2026-12-01T13:00", 124, True, "2026-12-02T11:00"),
            ("2026-12-01T13:00", 125, True, "2026-12-03T09:00"),
            ("2026-12-01T18:00", 0, True, "2026-12-02T09:00"),
            ("2026-12-04T13:00", 0, True, "2026-12-07T09:00"),  # a weekend
            ("2026-12-24T13:00", 0, True, "2026-12-28T09:00"),  # a holiday and a weekend
        ],
    )
    def test_a_place_in_the_batches_to_come(self, at: str, ahead: int, laid_out: bool, slot: str) -> None:
        expected = expected_slot(
            ahead=ahead, pacing=PACING, window=DEFAULT_WINDOW, at=new_york(at), today_is_laid_out=laid_out
        )
        assert expected == new_york(slot)

    def test_not_within_ten_years(self) -> None:
        slow = Pacing(batch_size=1, every=timedelta(days=1), daily_cap=1)
        at = new_york("2026-12-01T13:00")
        assert expected_slot(ahead=5000, pacing=slow, window=DEFAULT_WINDOW, at=at, today_is_laid_out=False) is None

    @given(ahead=st.integers(0, 400), hours=st.integers(0, 24 * 7))
    def test_it_is_the_slot_that_the_days_plans_give(self, ahead: int, hours: int) -> None:
        at = new_york("2026-11-30T08:30") + timedelta(hours=hours)
        given: list[datetime] = []
        day = at
        while len(given) <= ahead:
            given += plan_slots(PACING, DEFAULT_WINDOW, day, already_today=0, count=1000)
            day = (day.astimezone(NEW_YORK) + timedelta(days=1)).replace(hour=8, minute=30)
        expected = expected_slot(ahead=ahead, pacing=PACING, window=DEFAULT_WINDOW, at=at, today_is_laid_out=False)
        assert expected == given[ahead]
