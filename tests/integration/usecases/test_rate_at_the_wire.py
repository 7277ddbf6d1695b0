"""A request is written while its slot holds, whatever comes between the slot and the request."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import pytest

from services.core.openphone.client import OpenPhoneClient
from services.core.queue.throttle import Busy, Slot, Throttle, ThrottleUnavailable
from services.core.runtime import failpoints
from tests.tools.world import World

pytestmark = pytest.mark.processes
PAUSE = 0.7  # seconds, which is far more than a slot lasts and less than the start guard


class Wire:
    """When each request was allowed to leave, and the slots that were reserved."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.slots: list[Slot] = []
        self.left: list[float] = []
        reserve, send = Throttle.reserve, OpenPhoneClient.send_text

        def note_slot(throttle: Throttle, *arguments: Any, **options: Any) -> Slot | Busy:
            answer = reserve(throttle, *arguments, **options)
            if isinstance(answer, Slot):
                self.slots.append(answer)
            return answer

        def note_request(client: OpenPhoneClient, *, start_guard: Callable[[], bool], **text: Any) -> Any:
            def guard() -> bool:
                may = start_guard()
                if may:
                    self.left.append(monotonic())
                return may

            return send(client, start_guard=guard, **text)

        patch.setattr(Throttle, "reserve", note_slot)
        patch.setattr(OpenPhoneClient, "send_text", note_request)

    def outside(self) -> list[float]:
        """The requests that left in no slot; a tenth of a second is what a busy machine takes to look at its watch."""
        return [at for at in self.left if not any(slot.opens_at <= at <= slot.closes_at + 0.1 for slot in self.slots)]


@pytest.fixture
def wire(world: World, monkeypatch: pytest.MonkeyPatch) -> Wire:
    assert world.context.provider
    return Wire(monkeypatch)


@pytest.mark.parametrize("point", ["slot_taken", "beginning", "submitting", "connected"])
def test_a_pause_anywhere_between_slot_and_request(
    point: str, world: World, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach = failpoints.reach

    def reach_late(name: str) -> None:
        if name == point:
            sleep(PAUSE)
        reach(name)

    monkeypatch.setattr(failpoints, "reach", reach_late)
    ids = [world.message() for _ in range(2)]
    world.send(*ids)
    assert {world.status(message_id) for message_id in ids} == {"sent"}
    assert len(wire.left) == 2
    assert wire.outside() == []


def test_without_a_slot_in_time_nothing_leaves_and_nothing_counts_against_the_text(
    world: World, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id, take = world.message(), Throttle.take

    def take_once(throttle: Throttle, *arguments: Any, ahead: bool = False, **options: Any) -> Slot | None:
        if not ahead:
            raise ThrottleUnavailable("gone meanwhile")
        return take(throttle, *arguments, ahead=ahead, **options)

    monkeypatch.setattr(Throttle, "take", take_once)
    monkeypatch.setattr(Slot, "is_lost", property(lambda slot: bool(slot.taken_at)))
    world.send(message_id)
    row = world.row(message_id)
    assert (row.status, row.proven_failures, world.attempt(message_id).detail) == ("pending", 0, "slot_lost")
    assert (wire.left, world.texts()) == ([], [])
