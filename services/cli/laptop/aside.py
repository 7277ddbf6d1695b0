"""Blocking work beside the event loop that nobody has to wait for once it is cut off."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


async def run_aside(function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
    """What `function` returns or raises, called in a thread of its own.

    When the caller is cancelled the thread goes on by itself and ends with the process at the latest: the loop's own
    threads would be waited for at the process's end, however long.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def run() -> None:
        try:
            settle: Callable[[], None] = _setter(outcome.set_result, function(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            settle = _setter(outcome.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if outcome.done() else settle())

    Thread(target=run, daemon=True).start()
    return await outcome


def _setter(set_outcome: Callable[[Any], None], value: object) -> Callable[[], None]:
    return lambda: set_outcome(value)
