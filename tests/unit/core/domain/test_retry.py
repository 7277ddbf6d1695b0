from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.domain.retry import RETRY_CEILING, GiveUp, RetryAt, decide_retry

AT = datetime(2026, 11, 23, 18, tzinfo=UTC)
BASE = timedelta(seconds=2)


class TestDecideRetry:
    @pytest.mark.parametrize(
        ("attempt", "jitter", "seconds"),
        [
            (1, 1, 2),
            (2, 1, 4),
            (3, 1, 8),
            (3, 0.5, 4),
            (1, 0, 0),
            (9, 1, 512),
            (10, 1, 600),
            (90, 1, 600),
            (90, 0.1, 60),
        ],
    )
    def test_doubles_under_the_ceiling_with_full_jitter(self, attempt: int, jitter: float, seconds: int) -> None:
        decision = decide_retry(attempt=attempt, at=AT, base=BASE, max_attempts=100, jitter=jitter)
        assert decision == RetryAt(at=AT + timedelta(seconds=seconds), attempt=attempt + 1)

    @pytest.mark.parametrize(
        ("retry_after", "seconds"),
        [
            (None, 1),
            (timedelta(0), 1),
            (timedelta(seconds=-30), 1),
            (timedelta(seconds=30), 31),
            (timedelta(days=2), 600),
            (timedelta.max, 600),
        ],
    )
    def test_waits_at_least_what_the_provider_asks_but_not_for_ever(
        self, retry_after: timedelta | None, seconds: int
    ) -> None:
        decision = decide_retry(attempt=1, at=AT, base=BASE, max_attempts=3, jitter=0.5, retry_after=retry_after)
        assert decision == RetryAt(at=AT + timedelta(seconds=seconds), attempt=2)

    @pytest.mark.parametrize(("attempt", "max_attempts"), [(3, 3), (4, 3), (1, 1), (1, 0)])
    def test_gives_up_after_the_last_attempt(self, attempt: int, max_attempts: int) -> None:
        decision = decide_retry(attempt=attempt, at=AT, base=BASE, max_attempts=max_attempts, jitter=0.5)
        assert decision == GiveUp("max_attempts")

    @pytest.mark.parametrize(("attempt", "jitter"), [(0, 0.5), (-1, 0.5), (1, -0.1), (1, 1.1), (1, float("nan"))])
    def test_refuses_numbers_out_of_range(self, attempt: int, jitter: float) -> None:
        with pytest.raises(ValueError, match="out of range"):
            decide_retry(attempt=attempt, at=AT, base=BASE, max_attempts=3, jitter=jitter)

    @given(
        attempt=st.integers(1, 10_000),
        jitter=st.floats(0, 1),
        base=st.timedeltas(timedelta(0), timedelta(days=30)),
        retry_after=st.none() | st.timedeltas(),
    )
    def test_never_in_the_past_and_never_past_the_ceiling(
        self, attempt: int, jitter: float, base: timedelta, retry_after: timedelta | None
    ) -> None:
        decision = decide_retry(
            attempt=attempt, at=AT, base=base, max_attempts=attempt + 1, jitter=jitter, retry_after=retry_after
        )
        assert isinstance(decision, RetryAt)
        assert AT <= decision.at <= AT + RETRY_CEILING
