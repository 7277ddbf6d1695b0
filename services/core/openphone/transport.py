"""The wire: one request, one connection, one deadline over everything, and proof of whether a byte has left.

The deadline is ours because the HTTP library's timeouts are per read: a server that drips bytes would hold a worker
for ever. Connections are not kept: an idle one that the peer has closed would make a needless unknown outcome.
"""

import json
import re
import ssl
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpcore
import httpx

from services.core.openphone.answers import Answer
from services.core.openphone.errors import NotOneRecipient
from services.core.openphone.instruments import HTTP_CLIENT
from services.core.runtime import failpoints, metering

SEND_PATH = "/v1/messages"
LARGEST_ANSWER = 1024 * 1024
MOST_CONNECTIONS = 32

_E164 = re.compile(r"\+[1-9]\d{1,14}", re.ASCII)
_DEADLINE: ContextVar[float] = ContextVar("deadline")


class StartRefused(Exception):
    """The start guard said no; no byte of the request has left."""


class AnswerTooLarge(Exception):
    """The provider's answer is larger than any it should give."""


@dataclass(slots=True)
class Departure:
    """Watches one request leave. `has_started` is set before its first byte can be written, never after."""

    guard: Callable[[], bool]
    has_started: bool = False

    def __call__(self, event: str, _: dict[str, Any]) -> None:
        match event:
            case "http11.send_request_headers.started":
                if not self.guard():
                    raise StartRefused
                self.has_started = True
            case "http11.send_request_headers.complete":
                failpoints.reach("headers_sent")
            case "http11.send_request_body.complete":
                failpoints.reach("body_sent")


class Wire(httpx.HTTPTransport):
    """The HTTP transport that keeps the deadline and refuses a text to other than one recipient."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=0,
            retries=0,
            network_backend=_DeadlineBackend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith(SEND_PATH):
            _require_one_recipient(request.read())
        return super().handle_request(request)


def exchange(client: httpx.Client, request: httpx.Request, *, deadline: timedelta) -> Answer:
    """Send the request and read the whole answer within the deadline, which starts now.

    Raises `httpx.TransportError`, `AnswerTooLarge`, and what the request's trace raises.
    """
    began, status = time.monotonic(), "none"
    token = _DEADLINE.set(began + deadline.total_seconds())
    try:
        response = client.send(request, stream=True)
        status = str(response.status_code)
        try:
            return Answer(response.status_code, response.headers, _read_limited(response.iter_raw()))
        finally:
            response.close()
    finally:
        _DEADLINE.reset(token)
        metering.observe(HTTP_CLIENT, time.monotonic() - began, request.method, status)


def _read_limited(chunks: Iterable[bytes]) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise AnswerTooLarge
    return bytes(content)


def _require_one_recipient(body: bytes) -> None:
    recipients = json.loads(body).get("to")
    if not isinstance(recipients, list) or len(recipients) != 1 or not _E164.fullmatch(str(recipients[0])):
        raise NotOneRecipient("a text goes to exactly one E.164 number")


class _DeadlineBackend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        deadline = _DEADLINE.get()
        left = _left(deadline, timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(super().connect_tcp(host, port, left, local_address, socket_options), deadline)


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: float | None, too_late: type[httpcore.TimeoutException]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise too_late("total deadline reached")
    return left if timeout is None else min(left, timeout)
