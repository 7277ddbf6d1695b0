"""What a doubtful send became: matching, the look schedule, and when absence is evidence."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.core.domain.messages import Direction
from services.core.domain.reconciliation import (
    LOOKS,
    Attempt,
    Bind,
    Hold,
    ListedMessage,
    LookAgain,
    Verdict,
    absence_counts,
    candidates,
    comparable,
    decide_look,
    next_look_at,
)

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ATTEMPT = Attempt("+12025550100", "+12025550143", "See you at 3pm.", START)
LISTED = ListedMessage(
    message_id="AC1",
    direction=Direction.OUTGOING,
    sender="+12025550100",
    recipients=("+12025550143",),
    text="See you at 3pm.",
    status="sent",
    receipt=None,
    error_code=None,
    created_at=START + timedelta(seconds=1),
    conversation_id=None,
    phone_number_id=None,
)
EMPTY = [START + offset for offset in LOOKS[:4]]


def after(**duration: float) -> datetime:
    return START + timedelta(**duration)


def look(
    *,
    listed: Iterable[ListedMessage] | None = (),
    empty_looks: Sequence[datetime] = (),
    control_visible: bool = True,
    at: datetime = EMPTY[0],
    bound_ids: Collection[str] = (),
    jitter: timedelta = timedelta(0),
) -> Verdict:
    return decide_look(
        ATTEMPT,
        listed=listed,
        bound_ids=bound_ids,
        empty_looks=empty_looks,
        control_visible=control_visible,
        at=at,
        jitter=jitter,
    )


class TestCandidates:
    @pytest.mark.parametrize(
        "change",
        [
            {"direction": Direction.INCOMING},
            {"sender": "+12025550199"},
            {"recipients": ("+12025550144",)},
            {"recipients": ("+12025550143", "+12025550144")},
            {"recipients": ()},
            {"text": "See you at 4pm."},
            {"created_at": after(minutes=15, seconds=1)},
            {"created_at": after(seconds=-121)},
        ],
    )
    def test_anything_else_is_another_message(self, change: dict[str, Any]) -> None:
        assert candidates(ATTEMPT, [replace(LISTED, **change)], ()) == ()

    @pytest.mark.parametrize("created_at", [after(minutes=15), after(seconds=-120), START])
    def test_limits_of_time(self, created_at: datetime) -> None:
        assert candidates(ATTEMPT, [replace(LISTED, created_at=created_at)], ())

    def test_bound_to_another_attempt(self) -> None:
        assert candidates(ATTEMPT, [LISTED], {"AC1"}) == ()

    def test_listed_twice_is_one(self) -> None:
        assert candidates(ATTEMPT, [LISTED, LISTED], ()) == (LISTED,)


@pytest.mark.parametrize(
    ("sent", "listed"),
    [
        ("caf\u00e9", "cafe\u0301"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\nb"),
        ("hello ", "hello"),
        ("a \nb", "a\nb\n"),
        ("it\u2019s \u201cfine\u201d \u2013 yes\u2026", 'it\'s "fine" - yes...'),
        ("a\u00a0b", "a b"),
    ],
)
def test_comparable(sent: str, listed: str) -> None:
    assert comparable(sent) == comparable(listed)


@pytest.mark.parametrize(("one", "other"), [("a b", "ab"), ("Yes", "yes"), ("a\nb", "a b"), ("3pm", "4pm")])
def test_not_comparable(one: str, other: str) -> None:
    assert comparable(one) != comparable(other)


class TestDecideLook:
    def test_one_match_binds(self) -> None:
        assert look(listed=[LISTED]) == Bind("AC1", duplicate=False)

    def test_of_two_the_earliest_binds(self) -> None:
        later = replace(LISTED, message_id="AC0", created_at=after(seconds=30))
        assert look(listed=[later, LISTED]) == Bind("AC1", duplicate=True)

    def test_a_late_match_binds_too(self) -> None:
        assert look(listed=[LISTED], empty_looks=EMPTY, at=after(minutes=61)) == Bind("AC1", duplicate=False)

    @pytest.mark.parametrize(
        ("at", "next_at"),
        [
            (after(seconds=15), after(seconds=60)),
            (after(seconds=61), after(minutes=5)),
            (after(minutes=5), after(minutes=15)),
            (after(minutes=15), after(minutes=75)),
        ],
    )
    def test_nothing_found_yet(self, at: datetime, next_at: datetime) -> None:
        assert look(at=at) == LookAgain(next_at)

    def test_jitter_is_added(self) -> None:
        assert look(jitter=timedelta(seconds=3)) == LookAgain(after(seconds=63))

    def test_absent_after_an_hour_of_empty_looks(self) -> None:
        assert look(empty_looks=EMPTY, at=EMPTY[0] + timedelta(hours=1)) == Hold("absent")

    def test_a_stale_list_proves_nothing(self) -> None:
        at = EMPTY[0] + timedelta(hours=1)
        assert look(empty_looks=EMPTY, at=at, control_visible=False) == LookAgain(after(hours=6))

    def test_in_the_end_a_person_decides(self) -> None:
        looks = [*EMPTY, after(hours=1)]
        assert look(empty_looks=looks, at=after(hours=6), control_visible=False) == Hold("absence_unproven")

    def test_an_unreadable_list_is_no_empty_look(self) -> None:
        assert look(listed=None, empty_looks=EMPTY, at=after(minutes=61)) == LookAgain(after(hours=6))
        assert look(listed=None, at=after(hours=6)) == Hold("list_unreadable")


@pytest.mark.parametrize(
    ("minutes", "control_visible", "counts"),
    [
        ([0, 5, 15, 60], True, True),
        ([60, 0, 5, 15], True, True),
        ([0, 5, 15, 60], False, False),
        ([0, 5, 60], True, False),
        ([0, 5, 15, 59], True, False),
        ([], True, False),
    ],
)
def test_absence_counts(minutes: list[int], control_visible: bool, counts: bool) -> None:
    assert absence_counts([after(minutes=m) for m in minutes], control_visible=control_visible) is counts


def test_the_hourly_look_completes_the_span() -> None:
    assert next_look_at(START, EMPTY, at=EMPTY[-1]) == EMPTY[0] + timedelta(hours=1)


def test_the_schedule_ends() -> None:
    assert next_look_at(START, EMPTY, at=after(hours=6)) is None
