"""The client against a server that misbehaves byte by byte: what may have been sent is unknown, all else is proven."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.core.domain.reconciliation import ListedMessage
from services.core.openphone.client import OpenPhoneClient
from services.core.openphone.errors import (
    ListingUnreliable,
    NotFound,
    NotOneRecipient,
    ProviderFailed,
    ProviderThrottled,
    ProviderUnreachable,
)
from services.core.openphone.outcomes import (
    Accepted,
    NotStarted,
    RefusalReason,
    RefusalScope,
    Refused,
    SendOutcome,
    Unknown,
)
from services.core.openphone.transport import Wire

KEY = "key-that-stays-here"
CONTEXT = ssl.create_default_context()
SENT = {"data": {"id": "AC1", "to": ["+12025550143"], "status": "queued", "conversationId": "CN1"}}
SINCE = datetime(2026, 11, 23, tzinfo=UTC)
LATER = datetime(2026, 11, 24, tzinfo=UTC)


def answer(status: str = "202 Accepted", body: bytes = json.dumps(SENT).encode(), headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body


@dataclass
class Server:
    """Accepts one connection after another and has `script` talk on it."""

    script: Callable[[socket.socket], None]
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    connections: int = 0
    received: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(5)
                try:
                    self.received.append(read_request(connection))
                    self.script(connection)
                except OSError:
                    continue


def read_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        chunk = connection.recv(65536)
        if not chunk:
            return request
        request += chunk
    head, _, body = request.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def serving(script: Callable[[socket.socket], None]) -> Iterator[Server]:
    server = Server(script)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join()


def replying(*answers: bytes) -> Callable[[socket.socket], None]:
    waiting = list(answers)
    return lambda connection: connection.sendall(waiting.pop(0) if len(waiting) > 1 else waiting[0])


def greet(listener: socket.socket, greeting: bytes, done: threading.Event) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(greeting)
        done.wait(5)


def client_of(url: str, **options: Any) -> OpenPhoneClient:
    return OpenPhoneClient(base_url=url, api_key=KEY, deadline=timedelta(seconds=1), context=CONTEXT, **options)


def send(url: str, *, guard: Callable[[], bool] = lambda: True, recipient: str = "+12025550143") -> SendOutcome:
    with client_of(url) as client:
        return client.send_text(sender="+12025550100", recipient=recipient, content="hello", start_guard=guard)


class TestAccepted:
    def test_the_request_is_as_documented(self) -> None:
        with serving(replying(answer())) as server:
            assert send(server.url) == Accepted("AC1", "queued", "CN1")
        head, _, body = server.received[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /v1/messages HTTP/1.1")
        assert f"authorization: {KEY}".encode() in head.lower()
        assert b"bearer" not in head.lower()
        assert json.loads(body) == {"content": "hello", "from": "+12025550100", "to": ["+12025550143"]}

    def test_a_new_connection_for_every_text(self) -> None:
        with serving(replying(answer())) as server, client_of(server.url) as client:
            for _ in range(3):
                client.send_text(sender="+1", recipient="+12025550143", content="x", start_guard=lambda: True)
        assert server.connections == 3


class TestUnknown:
    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            (b"", "connection_lost"),
            (b"HTTP/1.1 202 Acc", "connection_lost"),
            (answer()[:-5], "connection_lost"),
            (b"SMTP ready\r\n\r\n", "connection_lost"),
            (answer(body=b""), "unreadable_answer"),
            (answer(body=b"<html>ok</html>"), "unreadable_answer"),
            (answer(body=b'{"data":{}}'), "unreadable_answer"),
            (answer(body=b'{"data":{"id":null,"status":"queued"}}'), "unreadable_answer"),
            (answer(body=b'{"data":{"id":"","status":"queued"}}'), "unreadable_answer"),
            (answer(body=b'{"data":{"id":"A","id":"B","status":"queued"}}'), "unreadable_answer"),
            (answer(body=b"[" * 100_000), "unreadable_answer"),
            (answer(body=b"\x1f\x8b\x08junk", headers="content-encoding: gzip\r\n"), "unreadable_answer"),
            (answer(body=json.dumps(SENT).replace("43", "44").encode()), "answer_names_another_recipient"),
            (answer("204 No Content", b""), "unreadable_answer"),
            (answer("400 Bad Request", b"<html>proxy</html>"), "http_400"),
            (answer("408 Request Timeout", b'{"title":"t"}'), "http_408"),
            (answer("409 Conflict", b'{"title":"t"}'), "http_409"),
            (answer("500 Internal Server Error", b'{"code":"0201500"}'), "http_500"),
            (answer("503 Service Unavailable", b""), "http_503"),
            (answer("302 Found", b"", "location: http://[\r\n"), "http_302"),
        ],
    )
    def test_an_answer_that_proves_nothing(self, reply: bytes, reason: str) -> None:
        with serving(replying(reply)) as server:
            assert send(server.url) == Unknown(reason)
        assert len(server.received) == 1

    def test_reset_after_every_byte_of_the_answer(self) -> None:
        whole = answer(body=b'{"data":{"id":"AC1","status":"queued"}}')
        lengths = iter(range(len(whole)))
        with serving(lambda connection: connection.sendall(whole[: next(lengths)])) as server:
            outcomes = {type(send(server.url)) for _ in range(len(whole))}
        assert outcomes == {Unknown}

    def test_a_huge_answer_is_not_read(self) -> None:
        flood, poured = b"x" * 65536, threading.Event()

        def pour(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 202 Accepted\r\ncontent-length: 52428800\r\n\r\n")
            for _ in range(800):
                connection.sendall(flood)
            poured.set()

        with serving(pour) as server:
            assert send(server.url) == Unknown("answer_too_large")
        assert not poured.is_set()

    @pytest.mark.parametrize("head", [b"", b"HTTP/1.1 202 Accepted\r\ncontent-length: 9999\r\n\r\n"])
    def test_dripped_bytes_end_at_the_total_deadline(self, head: bytes) -> None:
        def drip(connection: socket.socket) -> None:
            connection.sendall(head)
            while True:
                connection.sendall(b"H" if not head else b"x")
                time.sleep(0.05)

        with serving(drip) as server:
            assert send(server.url) == Unknown("timeout")

    def test_endless_interim_answers(self) -> None:
        def interim(connection: socket.socket) -> None:
            while True:
                connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
                time.sleep(0.02)

        with serving(interim) as server:
            assert send(server.url) == Unknown("timeout")

    @pytest.mark.parametrize("status", ["301 Moved", "307 Temporary Redirect", "308 Permanent Redirect"])
    def test_a_redirect_is_not_followed_and_takes_no_key_along(self, status: str) -> None:
        with serving(replying(answer())) as elsewhere:
            there = f"location: {elsewhere.url}/v1/messages\r\n"
            with serving(replying(answer(status, b"", there))) as server:
                assert send(server.url) == Unknown(f"http_{status[:3]}")
        assert elsewhere.connections == 0


class TestNotStarted:
    def test_the_guard_lets_no_byte_out(self) -> None:
        with serving(replying(answer())) as server:
            assert send(server.url, guard=lambda: False) == NotStarted("guard")
            assert send(server.url) == Accepted("AC1", "queued", "CN1")
        assert server.received[0] == b""
        assert len(server.received) == 2

    def test_the_guard_is_asked_once_and_after_connecting(self) -> None:
        asked = []

        def guard() -> bool:
            asked.append(server.listener)
            return True

        with serving(replying(answer())) as server:
            send(server.url, guard=guard)
        assert len(asked) == 1

    def test_refused_connection(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert send(url) == NotStarted("not_connected")

    def test_no_such_host(self) -> None:
        assert send("http://no-such-host.invalid") == NotStarted("not_connected")

    @pytest.mark.parametrize(
        ("greeting", "reason"), [(b"220 smtp ready\r\n", "not_connected"), (b"", "connect_timeout")]
    )
    def test_no_tls(self, greeting: bytes, reason: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            greeter = threading.Thread(target=greet, args=(listener, greeting, done := threading.Event()))
            greeter.start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            with client_of(url, connect_timeout=timedelta(seconds=0.3)) as client:
                outcome = client.send_text(sender="+1", recipient="+12", content="x", start_guard=lambda: True)
            done.set()
            greeter.join()
        assert outcome == NotStarted(reason)

    @pytest.mark.parametrize("recipient", ["", "12025550143", "+1202555014a", "+12025550143,+12025550144", "+0123"])
    def test_not_exactly_one_number(self, recipient: str) -> None:
        with serving(replying(answer())) as server:
            with pytest.raises(NotOneRecipient):
                send(server.url, recipient=recipient)
            assert server.connections == 0

    def test_a_group_text_cannot_pass_the_transport(self) -> None:
        body = {"content": "x", "from": "+12025550100", "to": ["+12025550143", "+12025550144"]}
        with serving(replying(answer())) as server, httpx.Client(transport=Wire(CONTEXT)) as client:
            with pytest.raises(NotOneRecipient):
                client.post(f"{server.url}/v1/messages", json=body)
            assert server.connections == 0


class TestRefused:
    def test_a_missing_route_is_the_account_s(self) -> None:
        with serving(replying(answer("404 Not Found", b"<html>Cannot POST</html>"))) as server:
            assert send(server.url) == Refused(RefusalScope.ACCOUNT, RefusalReason.ROUTE_MISSING, 404)

    def test_a_throttled_text_tells_how_long_to_wait(self) -> None:
        with serving(replying(answer("429 Too Many Requests", b"?", "retry-after: 2\r\n"))) as server:
            outcome = send(server.url)
        assert outcome == Refused(
            RefusalScope.THROTTLED, RefusalReason.RATE_LIMITED, 429, retry_after=timedelta(seconds=2)
        )


def page(*ids: str, cursor: str | None) -> bytes:
    items = [
        {
            "id": message_id,
            "from": "+12025550100",
            "to": ["+12025550143"],
            "direction": "outgoing",
            "text": "a\0b",
            "status": "delivered",
            "createdAt": "2026-11-23T14:00:00Z",
        }
        for message_id in ids
    ]
    return answer("200 OK", json.dumps({"data": items, "nextCursor": cursor}).encode())


class TestReads:
    def find(self, server: Server, **options: Any) -> tuple[ListedMessage, ...]:
        with client_of(server.url, **options) as client:
            return client.find_sent(
                phone_number_id="PN1", recipient="+12025550143", created_after=SINCE, created_before=LATER
            )

    def test_all_pages_are_read_with_the_version_header(self) -> None:
        asked = []
        with serving(replying(page("A", "B", cursor="c1"), page("C", cursor=None))) as server:
            listed = self.find(server, before_read=lambda: asked.append(1))
        assert [message.message_id for message in listed] == ["A", "B", "C"]
        assert listed[0].text == "ab"
        assert len(asked) == 2
        first, second = (request.split(b"\r\n")[0] for request in server.received)
        assert b"to=%2B12025550143" in first
        assert b"createdAt%5Bgt%5D=2026-11-23T00%3A00%3A00.000Z" in first
        assert b"after=c1" in second
        assert all(b"quo-api-version: 2026-03-30" in request.lower() for request in server.received)

    def test_a_repeated_cursor_is_no_list(self) -> None:
        pages = replying(page("A", cursor="c1"), page("B", cursor="c2"), page("A", cursor="c1"))
        with serving(pages) as server, pytest.raises(ListingUnreliable) as refusal:
            self.find(server)
        assert (refusal.value.reason, refusal.value.retryable) == ("cursor_repeated", True)
        assert len(server.received) == 3

    @pytest.mark.parametrize(
        ("reply", "error"),
        [
            (answer("200 OK", b"<html>"), ProviderFailed),
            (answer("200 OK", b'{"data":[{"id":"AC1"}],"nextCursor":null}'), ProviderFailed),
            (answer("200 OK", b'{"nextCursor":null}'), ProviderFailed),
            (answer("502 Bad Gateway", b""), ProviderFailed),
            (answer("307 Temporary Redirect", b"", "location: http://127.0.0.1:1/\r\n"), ProviderFailed),
            (answer("429 Too Many Requests", b""), ProviderThrottled),
            (b"", ProviderUnreachable),
        ],
    )
    def test_what_is_not_a_list(
        self, reply: bytes, error: type[ProviderFailed | ProviderThrottled | ProviderUnreachable]
    ) -> None:
        with serving(replying(reply)) as server, pytest.raises(error) as refusal:
            self.find(server)
        assert refusal.value.retryable

    def test_an_id_cannot_leave_its_place_in_the_path(self) -> None:
        missing = replying(answer("404 Not Found", b""))
        with serving(missing) as server, client_of(server.url) as client, pytest.raises(NotFound):
            client.get_message("AC1/../../webhooks?x=1")
        assert server.received[0].startswith(b"GET /messages/AC1%2F..%2F..%2Fwebhooks%3Fx%3D1 HTTP/1.1")


@pytest.mark.parametrize("key", ["", " ", "key\r\nx: y", "k\u00e9y", " key"])
def test_a_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(ValueError, match="API key"):
        OpenPhoneClient(base_url="http://127.0.0.1", api_key=key)
