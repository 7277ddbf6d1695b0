import pytest

from services.core.domain.split import variant_of

NUMBERS = [f"+1212{number}" for number in range(2_000_000, 2_004_000)]


@pytest.mark.parametrize("percent", [0, 1, 25, 50, 99, 100])
def test_the_share_is_what_was_asked_for(percent: int) -> None:
    got = sum(variant_of(7, number, percent_b=percent) == "b" for number in NUMBERS) / len(NUMBERS) * 100
    assert got == pytest.approx(percent, abs=3)
    if percent in (0, 100):
        assert got == percent


def test_nobody_moves_in_a_new_plan_and_each_campaign_draws_anew() -> None:
    draws = [[variant_of(campaign, number, percent_b=50) for number in NUMBERS] for campaign in (7, 7, 8)]
    assert draws[0] == draws[1] != draws[2]


def test_a_larger_share_keeps_those_it_had() -> None:
    assert all(
        variant_of(7, number, percent_b=60) == "b" for number in NUMBERS if variant_of(7, number, percent_b=40) == "b"
    )
