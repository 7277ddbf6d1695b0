"""Who looks at the same thing looks together: one look a second, however many there are."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, cast

import pytest

from services.console.pages.pulse import Pulse
from services.console.places import ORDINARY, URGENT, Places
from services.core.domain.failures import RefusedInput
from services.core.usecases.context import Context

NO_CONTEXT = cast("Context", None)


def run(ask: Callable[[Pulse], Any]) -> Any:
    async def inside() -> Any:
        return await ask(Pulse(NO_CONTEXT, Places()))

    return asyncio.run(inside())


def test_a_hundred_at_once_are_one_look() -> None:
    looks = count(1)

    async def ask(pulse: Pulse) -> list[int]:
        return await asyncio.gather(*(pulse.look("day", lambda _: next(looks)) for _ in range(100)))

    assert run(ask) == [1] * 100


def test_within_a_second_the_answer_is_the_same_and_after_an_act_it_is_new() -> None:
    looks = count(1)

    async def ask(pulse: Pulse) -> tuple[int, int, int]:
        def verb(_: Context) -> int:
            return next(looks)

        first, second = await pulse.look("day", verb), await pulse.look("day", verb)
        pulse.forget()
        return first, second, await pulse.look("day", verb)

    assert run(ask) == (1, 1, 2)


def test_other_things_are_looked_at_by_themselves() -> None:
    async def ask(pulse: Pulse) -> tuple[str, str]:
        return await pulse.look(("campaign", 1), lambda _: "one"), await pulse.look(("campaign", 2), lambda _: "two")

    assert run(ask) == ("one", "two")


def test_a_failure_is_everybody_s_and_isn_t_kept() -> None:
    def failing(_: Context) -> int:
        raise RefusedInput("x", "the database is away")

    async def ask(pulse: Pulse) -> int:
        failed = await asyncio.gather(*(pulse.look("day", failing) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in failed] == [RefusedInput] * 3
        return await pulse.look("day", lambda _: 7)

    assert run(ask) == 7


def test_who_goes_away_takes_the_look_from_nobody() -> None:
    async def ask(pulse: Pulse) -> int:
        going = asyncio.create_task(pulse.look("day", lambda _: 7))
        staying = asyncio.create_task(pulse.look("day", lambda _: 8))
        await asyncio.sleep(0)
        going.cancel()
        return await staying

    assert run(ask) == 7


def test_the_bar_is_seen_while_every_ordinary_place_is_taken() -> None:
    async def ask() -> int:
        places = Places()
        for _ in range(ORDINARY):
            await places.take(is_urgent=False).__aenter__()
        async with asyncio.timeout(5):
            return await Pulse(NO_CONTEXT, places).look("day", lambda _: URGENT, is_urgent=True)

    assert asyncio.run(ask()) == URGENT


def test_what_nobody_looks_at_any_more_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("services.console.pages.pulse.monotonic", lambda: clock[0])

    async def ask(pulse: Pulse) -> set[Any]:
        for campaign in range(100):
            clock[0] += 0.5
            await pulse.look(("campaign", campaign), lambda _: 1)
        return set(pulse._seen)

    assert len(run(ask)) <= 3
