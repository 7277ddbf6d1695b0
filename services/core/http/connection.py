"""One HTTP/1 connection: what the server's own protocol leaves open is bounded and refused in our form here.

A request arrives whole within its time or is refused, its head has a size, trailers are dropped, an offered upgrade is
ignored, few requests may be pipelined, and nothing is read while they wait. Who does not read its answers is cut off.
Of the connections that keep us waiting only so many are kept: the one that has waited longest makes room. So no number
of slow peers stops an honest one, whose request arrives at once. `services/adr/0015-own-connection.md` has the
measurements.
"""

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from services.core.domain.failures import RefusedInput
from services.core.http.answers import problem, refusal

LAST_CALL_SECONDS = 1.0
BODY_TIME_IS_MINE = "attackacrack.body_time_is_mine"
"""In a scope's state: to be called by an application that knows the sender and bounds the body's time itself.
The connection then gives up its place among those that keep us waiting, and its own deadline."""

_HOST = re.compile(rb"[A-Za-z0-9._\-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_MALFORMED = RefusedInput("request_malformed", "the request is not valid HTTP/1.1", status=400)
_BUSY = problem(503, "too_many_connections", "too many connections: try again later", headers=((b"retry-after", b"2"),))

Pipeline = deque[tuple[RequestResponseCycle, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one server allows. `request_within` is the time for one request, head and body.

    `drained_within` is how long what we wrote may lie unread, `held_bytes` what all unanswered bodies have together.
    Of a body that was refused, `dropped_bytes` are still read: a sender that is cut off at once may never see why.
    """

    request_within: timedelta = timedelta(seconds=10)
    drained_within: timedelta = timedelta(seconds=10)
    head_bytes: int = 64 * 1024
    head_fields: int = 100
    pipelined: int = 16
    connections: int = 1000
    waiting: int = 500
    held_bytes: int = 64 * 1024 * 1024
    dropped_bytes: int = 1024 * 1024


class Crowd:
    """All connections of one server: which of them keep us waiting, in order, and how much they make us hold."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._waiting: dict[Connection, None] = {}
        self._held = 0

    def wait(self, connection: "Connection") -> None:
        """Give it a place; one that has a place keeps it."""
        self._waiting.setdefault(connection)
        if len(self._waiting) > self.limits.waiting:
            self.make_room()

    def leave(self, connection: "Connection") -> None:
        self._waiting.pop(connection, None)

    def hold(self, size: int) -> None:
        self._held += size
        while self._held > self.limits.held_bytes and self.make_room():
            pass

    def release(self, size: int) -> None:
        self._held -= size

    def make_room(self) -> bool:
        """Close the connection that has kept us waiting longest; False when none does."""
        longest = next(iter(self._waiting), None)
        if longest is not None:
            longest.give_way()
        return longest is not None


class Connection(HttpToolsProtocol):
    """The server's protocol with limits; made by `limited`."""

    crowd: ClassVar[Crowd]

    _active: RequestResponseCycle | None = None
    _deadline: asyncio.TimerHandle | None = None
    _drain: asyncio.TimerHandle | None = None
    _unread = 0
    """Bytes since the parser last made something of them: of a head, or of chunk extensions and trailers."""

    _held = 0
    _dropped = 0
    _reads_body = False
    _offers_upgrade = False
    _times_itself = False
    _is_deaf = False
    _is_ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        if len(self.connections) > self.crowd.limits.connections and not self.crowd.make_room():
            self._is_deaf = True
            transport.write(_BUSY.as_bytes())
            self._close()
        self._mind()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._forget()
        self._stop_draining()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._is_deaf:
            self._drop(len(data))
            return
        self._unread += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, RefusedInput) else _MALFORMED)
        else:
            if self._unread > self.crowd.limits.head_bytes:
                self._refuse(self._trailers_too_large() if self._reads_body else self._head_too_large())
            self._mind()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """A sender that closed its side still reads the answers to what it sent whole."""
        self._is_deaf = True
        return self._end_with_what_is_owed() or None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_drain()

    def resume_writing(self) -> None:
        self._stop_draining()
        super().resume_writing()

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= self.crowd.limits.pipelined:
            raise RefusedInput("too_many_pipelined", "wait for answers before you ask for more", status=429)
        super().on_message_begin()
        self._dropped = 0
        self._stop_waiting()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers are no headers: who reads those has decided already, and nobody vouches for them."""
        if self._reads_body:
            return
        HttpToolsProtocol.on_header(self, name, value)
        # Within the size of a head there is room for thousands of fields, each of them much larger here than there.
        if len(self.headers) > self.crowd.limits.head_fields:
            raise self._head_too_large()

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(map(len, chain.from_iterable(self.headers)))
        if size > self.crowd.limits.head_bytes:
            raise self._head_too_large()
        _check_target(self.url)
        _check_host([value for name, value in self.headers if name == b"host"], self.parser.get_http_version())
        if self.parser.get_method() == b"CONNECT":
            raise RefusedInput("target_malformed", "this is no proxy", status=400)
        if self.parser.should_upgrade():
            self._offers_upgrade = True
            return
        self._reads_body, self._unread = True, 0
        self.scope["state"][BODY_TIME_IS_MINE] = self._let_body_be_timed
        super().on_headers_complete()
        if self._is_ending:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)
        if self.cycle.response_complete:
            self._drop(len(body))
        elif not self._times_itself:
            self._held += len(body)
            self.crowd.hold(len(body))

    def on_message_complete(self) -> None:
        if self._offers_upgrade:
            return
        super().on_message_complete()
        self._reads_body = self._times_itself = False
        self._unread = 0
        self._stop_waiting()

    def on_response_complete(self) -> None:
        self._times_itself = False
        if not self.pipeline:
            self._release()
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._await_drain()
        if self._reads_body and self.expect_100_continue and self.cycle.response_complete:
            self._close()
        self._mind()

    def shutdown(self) -> None:
        """Answer what is under way or comes within a moment, then close: no sender need see a cut connection."""
        self._is_ending = True
        if self._is_answering:
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(LAST_CALL_SECONDS, self._close_if_idle)

    def give_way(self) -> None:
        """Close for another's sake, and hold nothing more."""
        self._stop_waiting()
        self._forget()
        self._close()

    @property
    def _is_answering(self) -> bool:
        """Whether a request that arrived whole is still to be answered."""
        active = self._active
        if active is None or active.response_complete:
            return False
        return active is not self.cycle or not self._reads_body

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._ignore_offer(data[offer.args[0] :])

    def _ignore_offer(self, rest: bytes) -> None:
        """Read the head once more without its offer: the parser leaves the body to the other protocol otherwise."""
        self._offers_upgrade = False
        named = [token.strip() for name, value in self.headers if name == b"connection" for token in value.split(b",")]
        connection = b", ".join(token for token in named if token.lower() != b"upgrade")
        kept = [(name, value) for name, value in self.headers if name not in (b"connection", b"upgrade")]
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%s: %s" % field for field in (*kept, *([(b"connection", connection)] if connection else []))]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(b"\r\n".join((*lines, b"", rest)))

    def _drop(self, size: int) -> None:
        """Count what is read for nothing; of what is left when we close, the sender may never see why."""
        self._dropped += size
        if self._dropped <= self.crowd.limits.dropped_bytes:
            return
        if self._is_answering:
            self.flow.pause_reading()
        else:
            self._close()

    def _mind(self) -> None:
        """Let a deadline run and a place be taken while we wait for a request, or for the rest of one."""
        if self._is_answering or self._times_itself or self.transport.is_closing():
            self._stop_waiting()
            return
        if self._deadline is None and self.timeout_keep_alive_task is None:
            seconds = self.crowd.limits.request_within.total_seconds()
            self._deadline = self.loop.call_later(seconds, self._is_too_slow)
        self.crowd.wait(self)

    def _stop_waiting(self) -> None:
        self.crowd.leave(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _let_body_be_timed(self) -> None:
        if self._reads_body and self._active is self.cycle:
            self._times_itself = True
            self._mind()

    def _release(self) -> None:
        self.crowd.release(self._held)
        self._held = 0

    def _forget(self) -> None:
        """Hold nothing of what nobody waits for any more, however long its turn takes to come."""
        for cycle in (self._active, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None:
                cycle.body = bytearray()
        self._release()

    def _await_drain(self) -> None:
        if self._drain is None:
            seconds = self.crowd.limits.drained_within.total_seconds()
            self._drain = self.loop.call_later(seconds, self._cut_off_unless_drained)

    def _stop_draining(self) -> None:
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None

    def _cut_off_unless_drained(self) -> None:
        self._drain = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _close(self) -> None:
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self._await_drain()

    def _close_if_idle(self) -> None:
        if not self._is_answering and not self._reads_body:
            self._close()

    def _is_too_slow(self) -> None:
        seconds = self.crowd.limits.request_within.total_seconds()
        detail = f"a request arrives whole within {seconds:g} seconds"
        self._refuse(RefusedInput("request_too_slow", detail, status=408))

    def _refuse(self, error: RefusedInput) -> None:
        """Answer what cannot become a request, unless earlier ones still wait for their own answers."""
        self._stop_waiting()
        self._is_deaf = True
        if self._end_with_what_is_owed():
            return
        if not self._reads_body or not self.cycle.response_started:
            self.transport.write(refusal(error).as_bytes())
        self._close()

    def _end_with_what_is_owed(self) -> bool:
        """Forget the request that is not here whole, and close behind the last answer; False when none is owed."""
        active = self._active
        if active is None or not self._is_answering:
            return False
        if self._reads_body:
            self.pipeline.popleft()
            self.cycle = self.pipeline[0][0] if self.pipeline else active
            self._reads_body = False
        self.cycle.keep_alive = False
        return True

    def _head_too_large(self) -> RefusedInput:
        limits = self.crowd.limits
        detail = f"a request's head has at most {limits.head_bytes} bytes and {limits.head_fields} fields"
        return RefusedInput("head_too_large", detail, status=431)

    def _trailers_too_large(self) -> RefusedInput:
        detail = f"trailers and chunk extensions have at most {self.crowd.limits.head_bytes} bytes"
        return RefusedInput("trailers_too_large", detail, status=431)


class _Flow(FlowControl):
    """Reads nothing more while requests wait for the answers of earlier ones."""

    def __init__(self, transport: asyncio.Transport, pipeline: Pipeline) -> None:
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        if not self._pipeline:
            super().resume_reading()


def limited(limits: Limits) -> type[Connection]:
    """The connections of one server."""

    class Limited(Connection):
        crowd = Crowd(limits)

    return Limited


def body_time_is_mine(state: Mapping[str, Any]) -> None:
    """Tell the connection whose request has this state; a server without such connections is told nothing."""
    if tell := state.get(BODY_TIME_IS_MINE):
        tell()


def _check_target(target: bytes) -> None:
    """A target with a host in it could be routed by one reader and refused by the next."""
    if not target.startswith(b"/") or b"#" in target:
        raise RefusedInput("target_malformed", "the request target is a path", status=400)


def _check_host(hosts: list[bytes], version: str) -> None:
    if (not hosts and version == "1.0") or (len(hosts) == 1 and _HOST.fullmatch(hosts[0])):
        return
    raise RefusedInput("host_malformed", "a request names one host", status=400)
