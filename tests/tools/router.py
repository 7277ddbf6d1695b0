"""A TCP router, as a failover moves one: an address of its own that leads to one server, and later to another."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


class Router:
    """Leads connections to `target`, a port of this machine; those that are open are cut when it changes."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._lead, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def lead_to(self, target: int) -> None:
        """From now on new connections go to `target`, and the old ones are cut."""
        self._target = target
        self._loop.call_soon_threadsafe(self._cut)

    def close(self) -> None:
        self._server.close()
        self._loop.call_soon_threadsafe(self._cut)
        self._run(self._ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _ended(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    def _cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, there_writer}
        self._open |= both
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
        self._open -= both


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@contextmanager
def routing_to(target: int) -> Iterator[Router]:
    router = Router(target)
    try:
        yield router
    finally:
        router.close()
