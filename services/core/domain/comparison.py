"""Comparing the two texts of a test: response rates with their intervals, and whether the difference means anything.

Sources: E. B. Wilson, "Probable inference" (1927), for the interval; the pooled two-proportion z-test; and the usual
rule that its approximation needs five expected in every cell.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import erfc, sqrt

Z_95 = 1.959963984540054
EXPECTED_AT_LEAST = 5
SIGNIFICANT_BELOW = 0.05


class Verdict(StrEnum):
    NOT_ENOUGH_DATA = "not_enough_data"
    NO_DIFFERENCE = "no_difference"
    A_BETTER = "a_better"
    B_BETTER = "b_better"


@dataclass(frozen=True, slots=True)
class Rate:
    """`responses` of `texted` people, as a share with its 95 % confidence interval; without people all is empty."""

    texted: int
    responses: int
    rate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict at 95 %; `p_value` is empty where there is not enough data to compute one."""

    verdict: Verdict
    p_value: float | None


def response_rate(texted: int, responses: int) -> Rate:
    """The share with Wilson's interval, which holds for small numbers and never leaves 0 to 1."""
    if texted == 0:
        return Rate(0, responses, None, None, None)
    share, spread = responses / texted, Z_95**2 / texted
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 * sqrt(share * (1 - share) / texted + spread / (4 * texted)) / (1 + spread)
    return Rate(texted, responses, share, max(0.0, middle - half), min(1.0, middle + half))


def compare(a: Rate, b: Rate) -> Comparison:
    """Whether one text was answered more often than the other, by the two-sided pooled test."""
    texted, responses = a.texted + b.texted, a.responses + b.responses
    scarcest = min(responses, texted - responses) * min(a.texted, b.texted)
    if texted == 0 or scarcest < EXPECTED_AT_LEAST * texted:
        return Comparison(Verdict.NOT_ENOUGH_DATA, None)
    pooled = responses / texted
    error = sqrt(pooled * (1 - pooled) * (1 / a.texted + 1 / b.texted))
    z = (b.responses / b.texted - a.responses / a.texted) / error
    p_value = erfc(abs(z) / sqrt(2))
    if p_value >= SIGNIFICANT_BELOW:
        return Comparison(Verdict.NO_DIFFERENCE, p_value)
    return Comparison(Verdict.B_BETTER if z > 0 else Verdict.A_BETTER, p_value)
