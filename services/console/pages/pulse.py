"""What open pages look at, found out once a second for all of them together, and only while anybody looks."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool

from services.console.places import Places
from services.core.usecases.context import Context

TICK = timedelta(seconds=1)
Result = TypeVar("Result")


@dataclass(slots=True)
class _Seen:
    """What a verb answered and when, and the look that is under way, if there is one."""

    answer: Any = None
    at: float = float("-inf")
    looking: "asyncio.Task[Any] | None" = None

    @property
    def is_fresh(self) -> bool:
        return monotonic() - self.at < TICK.total_seconds()


class Pulse:
    """Made and used in one event loop. A thing that is looked at has a key, the same for all who look at it."""

    def __init__(self, context: Context, places: Places) -> None:
        self._context = context
        self._places = places
        self._seen: dict[Hashable, _Seen] = {}

    async def look(self, key: Hashable, verb: Callable[[Context], Result], *, is_urgent: bool = False) -> Result:
        """What the verb answers, no older than a second; who asks meanwhile waits for the same look.

        Raises what the verb raises.
        """
        self._drop_old()
        seen = self._seen.setdefault(key, _Seen())
        if seen.is_fresh:
            answer: Result = seen.answer
            return answer
        if seen.looking is None:
            seen.looking = asyncio.create_task(self._ask(seen, verb, is_urgent=is_urgent))
        return await asyncio.shield(seen.looking)

    def forget(self) -> None:
        """Let everything be looked at anew: somebody has just changed something."""
        self._seen.clear()

    async def _ask(self, seen: _Seen, verb: Callable[[Context], Result], *, is_urgent: bool) -> Result:
        try:
            async with self._places.take(is_urgent=is_urgent):
                answer = await run_in_threadpool(verb, self._context)
            seen.answer, seen.at = answer, monotonic()
            return answer
        finally:
            seen.looking = None

    def _drop_old(self) -> None:
        for key in [key for key, seen in self._seen.items() if seen.looking is None and not seen.is_fresh]:
            del self._seen[key]
