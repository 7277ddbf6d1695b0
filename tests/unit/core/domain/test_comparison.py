"""Response rates with Wilson's interval, and the two-proportion test, against published and hand-computed values."""

import pytest

from services.core.domain.comparison import Verdict, compare, response_rate


class TestResponseRate:
    @pytest.mark.parametrize(
        ("texted", "responses", "low", "high"),
        [
            # Newcombe (1998), table I, method 3: the score interval
            (263, 81, 0.2553, 0.3662),
            (148, 15, 0.0624, 0.1605),
            (20, 0, 0.0, 0.1611),
            (29, 1, 0.0061, 0.1718),
        ],
    )
    def test_interval(self, texted: int, responses: int, low: float, high: float) -> None:
        rate = response_rate(texted, responses)
        assert rate.low == pytest.approx(low, abs=5e-5)
        assert rate.high == pytest.approx(high, abs=5e-5)
        assert rate.rate == responses / texted

    def test_everybody_answered(self) -> None:
        rate = response_rate(10, 10)
        assert rate.rate == 1.0
        assert rate.high == pytest.approx(1.0)
        assert 0.7 < (rate.low or 0) < 0.73

    def test_nobody_was_texted(self) -> None:
        rate = response_rate(0, 0)
        assert (rate.rate, rate.low, rate.high) == (None, None, None)


class TestCompare:
    @pytest.mark.parametrize(
        ("a", "b", "verdict", "p_value"),
        [
            ((200, 30), (200, 50), Verdict.B_BETTER, 0.0124),
            ((200, 50), (200, 30), Verdict.A_BETTER, 0.0124),
            ((200, 30), (200, 36), Verdict.NO_DIFFERENCE, 0.4186),
            ((1000, 100), (100, 10), Verdict.NO_DIFFERENCE, 1.0),
        ],
    )
    def test_verdict(self, a: tuple[int, int], b: tuple[int, int], verdict: Verdict, p_value: float) -> None:
        found = compare(response_rate(*a), response_rate(*b))
        assert found.verdict is verdict
        assert found.p_value == pytest.approx(p_value, abs=5e-4)

    @pytest.mark.parametrize(
        ("a", "b"),
        [
            ((0, 0), (0, 0)),
            ((0, 0), (500, 100)),
            ((500, 100), (0, 0)),
            ((500, 4), (500, 5)),  # 4.5 expected answers in each
            ((500, 500), (500, 495)),  # 2.5 expected to stay silent
            ((1000, 500), (9, 9)),  # 4.5 expected in b
        ],
    )
    def test_not_enough_data(self, a: tuple[int, int], b: tuple[int, int]) -> None:
        found = compare(response_rate(*a), response_rate(*b))
        assert (found.verdict, found.p_value) == (Verdict.NOT_ENOUGH_DATA, None)

    def test_five_expected_are_enough(self) -> None:
        assert compare(response_rate(500, 5), response_rate(500, 5)).verdict is Verdict.NO_DIFFERENCE
