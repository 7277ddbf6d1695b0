"""What a pending message waits for: everything that is known to be before it, in the order in which it comes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from services.core.domain.send_gate import Defer, Gate, GateFacts, Skip, hours_and_caps, may_go


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a message stands: its instant, or, while it has none, how many wait before it for a day's batch and the
    instant that it can expect; `with_workers` once its id is with the broker.
    """

    not_before: datetime | None
    ahead: int
    expected_at: datetime | None
    with_workers: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """`until` is the earliest instant at which it can be over; None where a person or another message ends it."""

    reason: str
    until: datetime | None


def waits(facts: GateFacts, place: Place, at: datetime) -> Iterator[Wait]:
    """What is before the message at product time `at`: switches, campaign and person as they are now, then its day's
    batch, then hours and caps as they will be at its instant.
    """
    closed = may_go(facts, at)
    if closed is not None:
        yield _wait(closed)
    yield from _batch(place, at)
    due_at = place.not_before or place.expected_at
    if isinstance(closed, Skip) or due_at is None:
        return
    if due_at > at:
        facts = replace(facts, in_flight_to_number=False)
    later = hours_and_caps(facts, max(due_at, at))
    if later is not None and not (later.gate is Gate.CAPS and due_at >= facts.cap_resets_at):
        yield _wait(later)
    elif closed is None and due_at <= at:
        yield Wait("queue: a worker takes it next" if place.with_workers else "queue: it is published next", None)


def _batch(place: Place, at: datetime) -> Iterator[Wait]:
    if place.not_before is None:
        yield Wait(f"batch: no day's batch has it yet, {place.ahead} of its campaign are before it", place.expected_at)
    elif place.not_before > at:
        yield Wait("instant: it is not to be sent before", place.not_before)


def _wait(closed: Defer | Skip) -> Wait:
    if isinstance(closed, Skip):
        return Wait(f"{closed.gate}: {closed.reason}, so that it will be skipped", None)
    return Wait(f"{closed.gate}: {closed.reason}", closed.until)
