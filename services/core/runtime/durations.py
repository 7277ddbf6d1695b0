"""Every duration that an installation can set, and what must hold between them: judged once, before a role begins."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

LONGEST_COUNTDOWN = timedelta(seconds=30)
"""How long a task that is to be tried again waits with its worker, at most; longer waits are columns."""


def _seconds(value: object) -> object:
    """A plain number is seconds, also as the environment gives it: a text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


Duration = Annotated[timedelta, BeforeValidator(_seconds)]
Positive = Annotated[Duration, Field(gt=timedelta(0))]
NotNegative = Annotated[Duration, Field(ge=timedelta(0))]


class Durations(BaseModel):
    """The state machine's real-time durations, before `time_scale`, and the leases under which work is done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lease: Positive = timedelta(seconds=60)
    start_guard: Positive = timedelta(seconds=2)
    http_deadline: Positive = timedelta(seconds=15)
    batch_budget: Positive = timedelta(seconds=15)
    dispatch_every: Positive = timedelta(seconds=1)
    sweep_every: Positive = timedelta(seconds=5)
    unpublished_after: Positive = timedelta(seconds=5)
    unleased_after: Positive = timedelta(seconds=60)
    inbox_lease: Positive = timedelta(seconds=60)
    run_lease: Positive = timedelta(seconds=60)
    beat_lease: Positive = timedelta(seconds=15)

    def scaled(self, scale: float) -> "Durations":
        """Every duration divided by `scale`: a simulated hour in minutes, for drills against the simulator."""
        if scale == 1:
            return self
        return Durations(**{name: value / scale for name, value in self})


class TaskLimits(BaseModel):
    """How long a task may run, a stopping worker may take, and an unacknowledged task stays with its worker.

    A pod's grace is at least 15 s above `time_limit`, which the chart checks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    soft_time_limit: Positive = timedelta(seconds=40)
    time_limit: Positive = timedelta(seconds=45)
    soft_shutdown: Positive = timedelta(seconds=45)
    visibility_timeout: Positive = timedelta(seconds=300)


class Bound(NamedTuple):
    """The sum of the durations `of`, `times` as long and with `more`, is below `limit`, or at most that."""

    of: tuple[str, ...]
    limit: str
    otherwise: str
    times: int = 1
    more: timedelta = timedelta(0)
    may_equal: bool = False


BOUNDS = (
    Bound(("durations__start_guard",), "durations__http_deadline", "no request would have time to be answered"),
    Bound(("durations__http_deadline",), "durations__lease", "a text would be sent by who has lost it"),
    Bound(("durations__batch_budget",), "durations__lease", "a batch's last text would begin without a lease"),
    Bound(
        ("durations__batch_budget", "durations__http_deadline"),
        "celery__soft_time_limit",
        "the last request of a batch would be cut off, its outcome unknown",
    ),
    Bound(("celery__soft_time_limit",), "celery__time_limit", "a task would be ended before it could end itself"),
    Bound(("celery__time_limit",), "celery__soft_shutdown", "a running task would be cut off", may_equal=True),
    Bound(("celery__time_limit",), "durations__inbox_lease", "two workers would handle one webhook"),
    Bound(("celery__time_limit",), "durations__run_lease", "two workers would do one scheduled run"),
    Bound(
        ("celery__time_limit",),
        "celery__visibility_timeout",
        "a running task would be handed out again",
        times=2,
        more=LONGEST_COUNTDOWN,
        may_equal=True,
    ),
)


class Fault(NamedTuple):
    """A bound that doesn't hold: the setting that is too short, and what is wrong with it."""

    setting: str
    says: str


def faults(durations: Durations, celery: TaskLimits) -> Iterator[Fault]:
    """Each bound that these durations break.

    They are judged before `time_scale`, which is for drills: their tasks take milliseconds.
    """
    values = {f"durations__{name}": value for name, value in durations}
    values |= {f"celery__{name}": value for name, value in celery}
    for bound in BOUNDS:
        needed = bound.times * (sum((values[name] for name in bound.of), timedelta(0)) + bound.more)
        limit = values[bound.limit]
        if limit < needed or (limit == needed and not bound.may_equal):
            yield Fault(bound.limit, _says(bound, needed, limit))


def _says(bound: Bound, needed: timedelta, limit: timedelta) -> str:
    parts = [name.upper() for name in bound.of] + [f"{bound.more.total_seconds():g} s"] * bool(bound.more)
    named = " + ".join(parts)
    named = f"{bound.times} x ({named})" if bound.times > 1 else named
    how = "at least" if bound.may_equal else "above"
    return (
        f"{limit.total_seconds():g} s must be {how} {named}, {needed.total_seconds():g} s: "
        f"raise it, or {bound.otherwise}"
    )
