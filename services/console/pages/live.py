"""A page's stream of server-sent events: its parts anew whenever they differ, and a beat that says it is alive.

A stream ends by itself after a while and the browser opens the next one, naming the last event it saw: so a session
that ended is noticed, and a console that stops is not held up.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from time import monotonic

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.console.pages.pulse import TICK
from services.console.pages.rendering import HEADERS
from services.console.problems import ERRORS

LASTS = timedelta(seconds=15)
BEAT = timedelta(seconds=3)
LAST_EVENT = "last-event-id"
ID_CHARACTERS = 16

Parts = Callable[[], Awaitable[str]]


def stream(request: Request, parts: Parts) -> Response:
    """The stream of what `parts` renders each second; what it can't find out leaves the page as it is."""
    headers = {**HEADERS, "cache-control": "no-store", "x-accel-buffering": "no"}
    seen = request.headers.get(LAST_EVENT, "")
    return StreamingResponse(_events(parts, seen), headers=headers, media_type="text/event-stream")


async def _events(parts: Parts, seen: str) -> AsyncIterator[str]:
    ends, beat_at = monotonic() + LASTS.total_seconds(), float("-inf")
    while monotonic() < ends:
        try:
            content = await parts()
        except ERRORS:
            content = None  # no beat follows, so the page says since when it is stale
        if content is not None:
            name = hashlib.sha256(content.encode()).hexdigest()[:ID_CHARACTERS]
            if name != seen:
                seen = name
                yield _event(content, name)
            if monotonic() - beat_at >= BEAT.total_seconds():
                beat_at = monotonic()
                yield "event: beat\ndata: \n\n"
        await asyncio.sleep(TICK.total_seconds())


def _event(content: str, name: str) -> str:
    lines = "".join(f"data: {line}\n" for line in content.splitlines())
    return f"id: {name}\n{lines}\n"
