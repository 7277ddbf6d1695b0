"""What our connection costs beside uvicorn's own: `python -m tests.benchmarks.connection`.

One process, no socket: the same delivery is fed to each protocol again and again and answered by a small application.
CPU microseconds a request, the least of the rounds, which alternate.
"""

import asyncio
import time
from typing import Any

import uvloop
from rich.console import Console
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from services.core.http.answers import plain
from services.core.http.connection import Limits, limited
from tests.tools.ingress import body_of, received, signed_request

REQUESTS, ROUNDS = 5000, 7


class Wire(asyncio.Transport):
    """Takes what is written; nothing is ever left to be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def write(self, data: Any) -> None:
        self.written += len(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None: ...


async def answer(_scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body", False):
        pass
    await plain({"status": "stored", "detail": "new"}).send(send)


async def microseconds(protocol: type[HttpToolsProtocol]) -> float:
    connection = protocol(
        config=Config(answer, ws="none", log_config=None, access_log=False), server_state=ServerState(), app_state={}
    )
    wire, content = Wire(), signed_request(body_of(received()))
    connection.connection_made(wire)
    began = time.process_time()
    for _ in range(REQUESTS):
        connection.data_received(content)
        while not connection.cycle.response_complete:
            await asyncio.sleep(0)
    took = time.process_time() - began
    connection.connection_lost(None)
    assert wire.written > REQUESTS
    return took / REQUESTS * 1e6


def main() -> None:
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(ROUNDS):
        theirs.append(uvloop.run(microseconds(HttpToolsProtocol)))
        ours.append(uvloop.run(microseconds(limited(Limits()))))
    Console().print(f"uvicorn's {min(theirs):.1f}, ours {min(ours):.1f} CPU-µs a request")


if __name__ == "__main__":
    main()
