"""A start is given up for want of work, not for want of time."""

import pytest

from services.cli.laptop.patience import IDLE_FOR, MOST_WORK, StartPatience

IDLE, MOST = IDLE_FOR.total_seconds(), MOST_WORK.total_seconds()


def ends_at(*looks: tuple[float, float]) -> float | None:
    """The time of the first look at which patience ends."""
    patience = StartPatience()
    return next((now for now, worked in looks if patience.ended(now=now, worked=worked)), None)


@pytest.mark.parametrize(
    ("looks", "end"),
    [
        pytest.param([(0, 0), (IDLE - 1, 0.5)], None, id="idle, not yet for long"),
        pytest.param([(0, 0), (IDLE, 0.5)], IDLE, id="idle for long"),
        pytest.param([(minute * 60.0, minute * 2.0) for minute in range(60)], None, id="slow, for an hour"),
        pytest.param([(0, 0), (60, 20), (60 + IDLE, 20.5)], 60 + IDLE, id="stuck after some work"),
        pytest.param([(0, 0), (10, MOST)], 10, id="busy with itself"),
        pytest.param([(0, 30), (80, 0.1), (160, 0.2)], None, id="started anew meanwhile"),
    ],
)
def test_it_ends(looks: list[tuple[float, float]], end: float | None) -> None:
    assert ends_at(*looks) == end
