"""A campaign stops itself when what comes back is surely beyond a bound; bad luck in the first few texts is nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.domain.campaigns import StopReason
from services.core.domain.drift import Drift
from services.core.domain.guards import REFUSED_FOR, Bounds, Outcomes, Refusal, judge

AT = datetime(2026, 3, 2, 18, tzinfo=UTC)
BOUNDS = Bounds(after=50, failed=0.1, undelivered=0.2, opt_outs=0.03)
NOTHING = Outcomes(ended=0, failed=0, undelivered=0, texted=0, opt_outs=0)


def found(outcomes: Outcomes, bounds: Bounds = BOUNDS, refusal: Refusal | None = None) -> StopReason | None:
    stop = judge(outcomes, bounds, refusal, AT)
    return stop.reason if stop is not None else None


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        (NOTHING, None),
        (Outcomes(ended=200, failed=35, undelivered=0, texted=165, opt_outs=0), StopReason.MANY_FAILED),
        (Outcomes(ended=200, failed=22, undelivered=0, texted=178, opt_outs=0), None),  # above 10 %, and not surely so
        (Outcomes(ended=200, failed=0, undelivered=60, texted=140, opt_outs=0), StopReason.MANY_UNDELIVERED),
        (Outcomes(ended=0, failed=0, undelivered=0, texted=125, opt_outs=10), StopReason.MANY_OPT_OUTS),
        (Outcomes(ended=0, failed=0, undelivered=0, texted=125, opt_outs=5), None),
        (Outcomes(ended=49, failed=49, undelivered=0, texted=49, opt_outs=49), None),  # too few to judge by
    ],
)
def test_what_stops(outcomes: Outcomes, reason: StopReason | None) -> None:
    assert found(outcomes) == reason


def test_the_figures_are_named() -> None:
    stop = judge(Outcomes(ended=200, failed=50, undelivered=0, texted=150, opt_outs=0), BOUNDS, None, AT)
    assert stop is not None
    assert stop.detail == {"count": 50, "of": 200, "share": 0.25, "bound": 0.1}


def test_a_refusal_stops_once_it_has_lasted() -> None:
    lasting = Refusal(AT - REFUSED_FOR, "no_credit")
    assert found(NOTHING, refusal=lasting) is StopReason.PROVIDER_REFUSES_ACCOUNT
    assert found(NOTHING, refusal=Refusal(lasting.since + timedelta(seconds=1), "no_credit")) is None


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_a_bound_of_one_never_stops(failed: int, undelivered: int, opt_outs: int) -> None:
    ended = failed + undelivered
    outcomes = Outcomes(ended=ended, failed=failed, undelivered=undelivered, texted=opt_outs, opt_outs=opt_outs)
    assert found(outcomes, Bounds(after=1, failed=1, undelivered=1, opt_outs=1)) is None


@given(st.integers(0, 300), st.integers(0, 300))
def test_it_never_stops_within_the_bound(good: int, failed: int) -> None:
    outcomes = Outcomes(ended=good + failed, failed=failed, undelivered=0, texted=good, opt_outs=0)
    if failed <= BOUNDS.failed * (good + failed):
        assert found(outcomes) is None


@pytest.mark.parametrize(
    ("drift", "bound", "is_within"),
    [
        (Drift(approved=100, added=2, removed=2, changed=1), 0.05, True),
        (Drift(approved=100, added=2, removed=2, changed=2), 0.05, False),
        (Drift(approved=100, added=0, removed=0, changed=0), 0.0, True),
        (Drift(approved=100, added=0, removed=1, changed=0), 0.0, False),
        (Drift(approved=1, added=0, removed=1, changed=0), 1.0, False),  # nobody is left
        (Drift(approved=0, added=0, removed=0, changed=0), 1.0, False),
    ],
)
def test_the_bound_of_a_drift(drift: Drift, bound: float, *, is_within: bool) -> None:
    assert drift.is_within(bound) is is_within
