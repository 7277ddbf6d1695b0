"""Work that is due at a moment of real time and dies with the process; what must survive is in the journal."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

Work = Callable[[], Coroutine[Any, Any, None]]


class Schedule:
    def __init__(self) -> None:
        self._timers: set[asyncio.TimerHandle] = set()
        self._running: set[asyncio.Task[None]] = set()

    def at(self, moment: float, work: Work) -> None:
        """Run the work at this Unix time, at once when it is past."""
        handle: asyncio.TimerHandle

        def start() -> None:
            self._timers.discard(handle)
            self.now(work)

        handle = asyncio.get_running_loop().call_later(max(0.0, moment - time.time()), start)
        self._timers.add(handle)

    def now(self, work: Work) -> Awaitable[None]:
        task = asyncio.create_task(work())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def clear(self) -> None:
        """Forget what is not yet due and end what runs."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for task in self._running:
            task.cancel()

    async def close(self) -> None:
        self.clear()
        await asyncio.gather(*self._running, return_exceptions=True)
