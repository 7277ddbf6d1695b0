"""One HTTP/1 connection: what the server's own protocol leaves open is bounded and refused in our form here.

A request arrives whole within its time or is refused, its head has a size, and of the connections that keep us
waiting only so many are kept: the one that has waited longest makes room. So no number of slow senders stops an
honest one, whose request arrives at once.
"""

import asyncio
import re
from datetime import timedelta
from typing import ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.webhook_ingress.answers import Answer, Refused, problem

LARGEST_HEAD = 64 * 1024
MOST_WAITING = 500
READ_AND_DROPPED = 1024 * 1024
"""Of a body that was refused, so much is still read: a sender that is cut off at once may never see the answer."""

LAST_CALL_SECONDS = 1.0

_HOST = re.compile(rb"[A-Za-z0-9._\-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


class Connection(HttpToolsProtocol):
    """The server's protocol with limits; `arrives_within` is the time for one request, head and body."""

    arrives_within: ClassVar[timedelta] = timedelta(seconds=10)
    waiting: ClassVar[dict["Connection", None]] = {}

    _deadline: asyncio.TimerHandle | None = None
    _head_size = 0
    _reads_head = True
    _reads_body = False
    _dropped = 0
    _is_ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._reads_head:
            self._head_size += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            malformed = problem(400, "request_malformed", "the request is not valid HTTP/1.1")
            self._refuse(cause.answer if isinstance(cause, Refused) else malformed)
        else:
            if self._reads_head and self._head_size > LARGEST_HEAD:
                self._refuse(_head_too_large().answer)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """A sender that closed its side still reads the answer to what it sent whole."""
        if not self._is_answering:
            return None
        self.cycle.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._dropped = 0
        self._await_request()

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > LARGEST_HEAD:
            raise _head_too_large()
        _check_target(self.url)
        _check_host([value for name, value in self.headers if name == b"host"], self.parser.get_http_version())
        if self.parser.should_upgrade():
            raise Refused(400, "upgrade_refused", "only HTTP/1.1 is spoken here")
        self._reads_head, self._reads_body = False, True
        super().on_headers_complete()
        if self._is_ending:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self.cycle.response_complete:
            self._dropped += len(body)
            if self._dropped > READ_AND_DROPPED:
                self.transport.close()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._reads_head, self._reads_body = True, False
        self._head_size = 0
        self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._reads_body and self.expect_100_continue:
            self.transport.close()
        elif self.cycle.response_complete and not self.transport.is_closing():
            self._keep_place()

    def shutdown(self) -> None:
        """Answer what is under way or comes within a moment, then close: no sender need see a cut connection."""
        self._is_ending = True
        if self._is_answering:
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(LAST_CALL_SECONDS, self._close_if_idle)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete and not self._reads_body

    def _await_request(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.arrives_within.total_seconds(), self._is_too_slow)
        self._keep_place()

    def _keep_place(self) -> None:
        self.waiting[self] = None
        if len(self.waiting) > MOST_WAITING:
            longest = next(iter(self.waiting))
            longest._stop_waiting()
            longest.transport.close()

    def _stop_waiting(self) -> None:
        self.waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _is_too_slow(self) -> None:
        seconds = self.arrives_within.total_seconds()
        self._refuse(problem(408, "request_too_slow", f"a request arrives whole within {seconds:g} seconds"))

    def _close_if_idle(self) -> None:
        if not self._is_answering and not self._reads_body:
            self.transport.close()

    def _refuse(self, answer: Answer) -> None:
        """Answer what cannot become a request, unless an earlier one still waits for its own answer."""
        self._stop_waiting()
        if self._is_answering:
            self.cycle.keep_alive = False
            return
        if not self._reads_body or not self.cycle.response_started:
            self.transport.write(answer.as_bytes())
        self.transport.close()


def _check_target(target: bytes) -> None:
    """A target with a host in it could be routed by one reader and refused by the next."""
    if not target.startswith(b"/") or b"#" in target:
        raise Refused(400, "target_malformed", "the request target is a path")


def _check_host(hosts: list[bytes], version: str) -> None:
    if (not hosts and version == "1.0") or (len(hosts) == 1 and _HOST.fullmatch(hosts[0])):
        return
    raise Refused(400, "host_malformed", "a request names one host")


def _head_too_large() -> Refused:
    return Refused(431, "head_too_large", f"a request's head has at most {LARGEST_HEAD} bytes")
