"""When a campaign stops itself: what comes back is surely beyond a bound, or nothing gets through at all.

Surely means that the whole 95 % interval of the share lies above the bound, so that three unlucky texts of the first
ten stop nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.core.domain.campaigns import StopReason
from services.core.domain.comparison import Rate, response_rate

REFUSED_FOR = timedelta(minutes=30)
"""A refusal of the account that heals by itself is over before."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Shares from 0 to 1, 1 stops nothing; `after` is how many texts are enough to judge by."""

    after: int
    failed: float
    undelivered: float
    opt_outs: float


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of a campaign's texts since it was last started or resumed; `ended` are those with a last word on them."""

    ended: int
    failed: int
    undelivered: int
    texted: int
    opt_outs: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The provider refuses the account, since then and for this reason."""

    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Why to stop, and the figures a person needs: shares, or the provider's reason."""

    reason: StopReason
    detail: dict[str, object]


def judge(outcomes: Outcomes, bounds: Bounds, refusal: Refusal | None, at: datetime) -> Stop | None:
    """The first thing that speaks for stopping; None as long as all is within its bound, or too little is known."""
    if refusal is not None and at - refusal.since >= REFUSED_FOR:
        return Stop(StopReason.PROVIDER_REFUSES_ACCOUNT, {"reason": refusal.reason, "since": refusal.since.isoformat()})
    for reason, rate, bound in _rates(outcomes, bounds):
        if rate.texted >= bounds.after and rate.low is not None and rate.low > bound:
            found = {"count": rate.responses, "of": rate.texted, "share": round(rate.rate or 0, 4), "bound": bound}
            return Stop(reason, dict(found))
    return None


def _rates(outcomes: Outcomes, bounds: Bounds) -> Iterator[tuple[StopReason, Rate, float]]:
    yield StopReason.MANY_OPT_OUTS, response_rate(outcomes.texted, outcomes.opt_outs), bounds.opt_outs
    yield StopReason.MANY_FAILED, response_rate(outcomes.ended, outcomes.failed), bounds.failed
    yield StopReason.MANY_UNDELIVERED, response_rate(outcomes.ended, outcomes.undelivered), bounds.undelivered
