"""Product time is one time: ours and the simulator's move together, or not at all."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from services.core.domain.access import Role
from services.core.domain.failures import Conflict, RefusedInput
from services.core.openphone.errors import ProviderFailed, ProviderUnreachable
from services.core.openphone.simulator_clock import SimulatorClock
from services.core.storage import clock
from services.core.usecases.operations import two_people
from services.core.usecases.operations.clock import align_clocks, move_clock, read_clock
from services.core.usecases.operations.tokens import create_token, list_tokens, revoke_token
from tests.tools.world import World

HOUR = timedelta(hours=1)
CLOSE = timedelta(minutes=5)
"""The databases' and the simulator's clock are the machine's, read at different moments; the moves are hours."""


def theirs(world: World) -> timedelta:
    return timedelta(seconds=world.simulator.control("GET", "/clock").json()["offset_seconds"])


def test_a_move_is_both_clocks(world: World) -> None:
    state = read_clock(world.console)
    move_clock(world.console, state.real_now + max(state.offset, theirs(world)) + HOUR, by="maria")
    assert read_clock(world.console).offset == theirs(world)


def test_one_that_the_simulator_has_passed_moves_neither(world: World) -> None:
    before = read_clock(world.console)
    reached = max(before.offset, theirs(world)) + 2 * HOUR
    world.simulator.move_clock(reached.total_seconds())
    with pytest.raises(Conflict, match="already: move there or further"):
        move_clock(world.console, before.product_now + HOUR, by="maria")
    assert (read_clock(world.console).offset, theirs(world)) == (before.offset, reached)


def test_a_later_move_may_reach_the_simulator_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    move = SimulatorClock.move

    def overtaken(simulator: SimulatorClock, offset: timedelta) -> None:
        world.simulator.move_clock((offset + HOUR).total_seconds())
        move(simulator, offset)

    monkeypatch.setattr(SimulatorClock, "move", overtaken)
    state = read_clock(world.console)
    moved = move_clock(world.console, state.real_now + max(state.offset, theirs(world)) + HOUR, by="maria")
    assert theirs(world) == moved.offset + HOUR


@pytest.mark.parametrize("is_ours", [True, False])
def test_whichever_was_put_back_is_brought_to_the_other(world: World, is_ours: bool) -> None:
    reached = max(read_clock(world.console).offset, theirs(world)) + HOUR
    if is_ours:
        world.simulator.move_clock(reached.total_seconds())
    else:
        state = read_clock(world.console)
        world.simulator.move_clock(max(state.offset, theirs(world)).total_seconds())
        move_clock(world.console, state.real_now + reached, by="maria")
    align_clocks(world.console, by="laptop")
    assert abs(read_clock(world.console).offset - theirs(world)) < CLOSE
    assert theirs(world) >= reached - CLOSE


@pytest.mark.parametrize(
    ("path", "error"), [("http://127.0.0.1:9", ProviderUnreachable), ("{simulator}/elsewhere", ProviderFailed)]
)
def test_without_a_simulator_ours_stays(make_world: Callable[..., World], path: str, error: type[Exception]) -> None:
    world = make_world()
    settings = world.console.settings.model_copy(
        update={"provider_base_url": path.format(simulator=world.simulator.url)}
    )
    before = read_clock(world.console)
    world.console.settings = settings
    with pytest.raises(error):
        move_clock(world.console, before.product_now + HOUR, by="maria")
    assert read_clock(world.console).offset == before.offset


def test_a_token_s_times_are_real_ones_whatever_the_product_s_clock_says(world: World) -> None:
    """So who moves that clock makes no token a day older, and none ends before its time."""
    made = [create_token(world.console, name=name, role=Role.ADMIN, by="ann", valid_for=2 * HOUR) for name in "ab"]
    world.move(days=3)
    later = create_token(world.console, name="c", role=Role.ADMIN, by="ann")
    revoke_token(world.console, "b", by="ann")
    with world.context.database.reading() as session:
        now = clock.real_now(session)
        listed = {token.name: token for token in list_tokens(world.console).items}
    assert all(now - CLOSE < token.created_at <= now for token in listed.values())
    assert (listed["a"].expires_at or now) - listed["a"].created_at == 2 * HOUR
    assert now - CLOSE < (listed["b"].revoked_at or now + HOUR) <= now
    with pytest.raises(RefusedInput, match="less than a day old"):
        two_people.agree(world.console, made[0].token, later.token)
