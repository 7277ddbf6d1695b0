from datetime import UTC, datetime, timedelta

import pytest

from services.core.domain.opt_outs import start_lifts, stop_is_in_force

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("start_at", "stop_wins"), [(None, True), (NOON - SECOND, True), (NOON, True), (NOON + SECOND, False)]
)
def test_the_later_word_counts_and_stop_wins_a_tie(start_at: datetime | None, stop_wins: bool) -> None:
    assert stop_is_in_force(said_at=NOON, opted_in_at=start_at) is stop_wins
    if start_at is not None:
        assert start_lifts(said_at=start_at, opted_out_at=NOON) is not stop_wins
