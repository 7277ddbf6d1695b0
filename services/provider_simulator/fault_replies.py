"""Replies that go wrong on the wire: silence, a reset, drops of bytes, a cut or a foreign body."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.provider_simulator import errors
from services.provider_simulator.errors import Surface
from services.provider_simulator.faults import Fault, Kind
from services.provider_simulator.protocol import TRANSPORT

CHUNK = 64 * 1024
RESET_AT_CLOSE = struct.pack("ii", 1, 0)
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


class BrokenReply(Response):
    """Takes the connection out of the server's hands; the true reply is what should have left."""

    def __init__(self, true_reply: Response) -> None:
        super().__init__()
        self.true_reply = true_reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        transport: asyncio.Transport = scope[TRANSPORT]
        try:
            await self.break_off(transport)
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            transport.abort()  # also when the server ends and would answer 500

    async def break_off(self, transport: asyncio.Transport) -> None:
        """Nothing more: no answer until the caller hangs up."""


class Reset(BrokenReply):
    """Sends the first `after_bytes` of the true reply, then resets the connection."""

    def __init__(self, true_reply: Response, after_bytes: int) -> None:
        super().__init__(true_reply)
        self._after_bytes = after_bytes

    async def break_off(self, transport: asyncio.Transport) -> None:
        if self._after_bytes:
            transport.write(_on_the_wire(self.true_reply)[: self._after_bytes])
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        transport.abort()


class Truncated(BrokenReply):
    """Announces the whole body and closes in the middle of it."""

    def __init__(self, true_reply: Response, after_bytes: int) -> None:
        super().__init__(true_reply)
        self._after_bytes = after_bytes or len(true_reply.body) // 2

    async def break_off(self, transport: asyncio.Transport) -> None:
        missing = max(1, len(self.true_reply.body) - self._after_bytes)
        transport.write(_on_the_wire(self.true_reply)[:-missing])
        transport.close()


def spoil(fault: Fault, surface: Surface, true_reply: Response) -> Response:
    """The reply that leaves instead of the true one."""
    makers: dict[Kind, Callable[[], Response]] = {
        Kind.RATE_STORM: lambda: error_reply(errors.too_many_requests(fault.retry_after), surface),
        Kind.SERVER_ERROR: lambda: error_reply(_server_error(fault.status), surface),
        Kind.REFUSAL: lambda: error_reply(errors.refused(fault.refusal), surface),
        Kind.NO_ANSWER: lambda: BrokenReply(true_reply),
        Kind.RESET: lambda: Reset(true_reply, fault.after_bytes),
        Kind.DRIP: lambda: _drip(true_reply, fault.seconds or 0.2),
        Kind.TRUNCATED_BODY: lambda: Truncated(true_reply, fault.after_bytes),
        Kind.EMPTY_BODY: lambda: Response(status_code=true_reply.status_code, media_type="application/json"),
        Kind.HTML_BODY: lambda: HTMLResponse(HTML, status_code=true_reply.status_code),
        Kind.HUGE_BODY: lambda: _huge(true_reply.status_code, fault.size),
        Kind.REDIRECT: lambda: RedirectResponse(fault.location, status_code=_redirect_status(fault.status)),
    }
    make = makers.get(fault.kind)
    return make() if make else true_reply


def error_reply(error: errors.ProviderError, surface: Surface) -> Response:
    return JSONResponse(errors.body(error, surface), status_code=error.status, headers=error.headers)


async def not_found_page(request: Request, _: Exception) -> Response:
    """Unknown routes answer a page, not JSON."""
    page = f"<!DOCTYPE html><html><body><pre>Cannot {request.method} {request.url.path}</pre></body></html>"
    return HTMLResponse(page, status_code=404)


def _server_error(status: int) -> errors.ProviderError:
    unknown = errors.refused("unknown")
    unknown.status = status
    return unknown


def _redirect_status(status: int) -> int:
    return status if 300 <= status < 400 else 307


def _drip(true_reply: Response, pause: float) -> Response:
    async def bytewise() -> AsyncIterator[bytes]:
        for byte in bytes(true_reply.body):
            await asyncio.sleep(pause)
            yield bytes([byte])

    return StreamingResponse(bytewise(), status_code=true_reply.status_code, headers=dict(true_reply.headers))


def _huge(status: int, size: int) -> Response:
    async def filler() -> AsyncIterator[bytes]:
        for start in range(0, size, CHUNK):
            yield b" " * min(CHUNK, size - start)

    return StreamingResponse(filler(), status_code=status, media_type="application/json")


def _on_the_wire(reply: Response) -> bytes:
    head = b"HTTP/1.1 %d OK\r\n" % reply.status_code
    return head + b"".join(b"%s: %s\r\n" % header for header in reply.raw_headers) + b"\r\n" + bytes(reply.body)
