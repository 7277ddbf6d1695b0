"""Product time is one time: ours and the simulator's move together, or not at all."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from services.core.domain.failures import Conflict
from services.core.openphone.errors import ProviderFailed, ProviderUnreachable
from services.core.usecases.operations.installation_verbs import align_clocks, move_clock, read_clock
from tests.tools.world import World

HOUR = timedelta(hours=1)
CLOSE = timedelta(minutes=5)
"""The databases' and the simulator's clock are the machine's, read at different moments; the moves are hours."""


def theirs(world: World) -> timedelta:
    return timedelta(seconds=world.simulator.control("GET", "/clock").json()["offset_seconds"])


def test_a_move_is_both_clocks(world: World) -> None:
    state = read_clock(world.context)
    move_clock(world.context, state.real_now + max(state.offset, theirs(world)) + HOUR, by="maria")
    assert read_clock(world.context).offset == theirs(world)


def test_one_that_the_simulator_has_passed_moves_neither(world: World) -> None:
    before = read_clock(world.context)
    reached = max(before.offset, theirs(world)) + 2 * HOUR
    world.simulator.move_clock(reached.total_seconds())
    with pytest.raises(Conflict, match="already: move there or further"):
        move_clock(world.context, before.product_now + HOUR, by="maria")
    assert (read_clock(world.context).offset, theirs(world)) == (before.offset, reached)


@pytest.mark.parametrize("is_ours", [True, False])
def test_whichever_was_put_back_is_brought_to_the_other(world: World, is_ours: bool) -> None:
    reached = max(read_clock(world.context).offset, theirs(world)) + HOUR
    if is_ours:
        world.simulator.move_clock(reached.total_seconds())
    else:
        state = read_clock(world.context)
        world.simulator.move_clock(max(state.offset, theirs(world)).total_seconds())
        move_clock(world.context, state.real_now + reached, by="maria")
    align_clocks(world.context, by="laptop")
    assert abs(read_clock(world.context).offset - theirs(world)) < CLOSE
    assert theirs(world) >= reached - CLOSE


@pytest.mark.parametrize(
    ("path", "error"), [("http://127.0.0.1:9", ProviderUnreachable), ("{simulator}/elsewhere", ProviderFailed)]
)
def test_without_a_simulator_ours_stays(make_world: Callable[..., World], path: str, error: type[Exception]) -> None:
    world = make_world()
    settings = world.context.settings.model_copy(
        update={"provider_base_url": path.format(simulator=world.simulator.url)}
    )
    before = read_clock(world.context)
    world.context.settings = settings
    with pytest.raises(error):
        move_clock(world.context, before.product_now + HOUR, by="maria")
    assert read_clock(world.context).offset == before.offset
