"""How many requests are worked on at once: so few that none starves the others, and some places for what can't wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from services.core.domain.failures import RefusedInput

ORDINARY = 10
URGENT = 4
WAITING_AT_MOST = 100


class Places:
    """Made and used in one event loop. Each place has a thread and a database connection when it asks for one."""

    def __init__(self, *, ordinary: int = ORDINARY, urgent: int = URGENT, waiting: int = WAITING_AT_MOST) -> None:
        self._ordinary = asyncio.Semaphore(ordinary)
        self._urgent = asyncio.Semaphore(urgent)
        self._waiting_at_most = waiting
        self._waiting = 0

    @asynccontextmanager
    async def take(self, *, is_urgent: bool) -> AsyncIterator[None]:
        """Wait for a place and hold it. Raises `RefusedInput` (503) when too many wait already."""
        if self._waiting >= self._waiting_at_most and not is_urgent:
            raise RefusedInput("too_busy", "too many requests are under way: try again in a moment", status=503)
        places = self._urgent if is_urgent else self._ordinary
        self._waiting += not is_urgent
        try:
            await places.acquire()
        finally:
            self._waiting -= not is_urgent
        try:
            yield
        finally:
            places.release()


class Placed:
    """The layer that works on a request in a place, from when its body was read until its answer was sent."""

    def __init__(self, app: ASGIApp, *, is_urgent: bool) -> None:
        self._app = app
        self._is_urgent = is_urgent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        places: Places = scope["app"].state.places
        async with places.take(is_urgent=self._is_urgent):
            await self._app(scope, receive, send)
