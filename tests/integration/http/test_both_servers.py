"""HTTP as both servers speak it: trailers, offers of other protocols, pipelining, HEAD, and places kept free."""

import json
import socket
import threading
from collections.abc import Mapping
from typing import Any

import httpx
import psycopg
import pytest

from services.console.endpoints import PREFIX
from services.console.places import ORDINARY
from services.console.routes import ROUTES
from services.core.domain.access import Role
from tests.tools.console import ConsoleProcess
from tests.tools.http_role import Reply, read_reply, request
from tests.tools.ingress import JSON, PATH, RunningIngress, body_of, new_delivery_id, received, signed_request, standard
from tests.tools.routes import path_of
from tests.tools.waiting import wait_until

STOP = "/api/v1/sending/stop"
PROBE = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n"
OFFERS = {
    "h2c": {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMAAABkAAQAAP__"},
    "websocket": {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="},
    "both in capitals": {"Connection": "UPGRADE", "Upgrade": "TLS/1.3, h2c"},
}


def chunked(headers: Mapping[str, str], target: str, body: bytes, *, trailers: Mapping[str, str]) -> bytes:
    head = request(b"", method="POST", target=target, headers={"host": "a", **headers, "transfer-encoding": "chunked"})
    lines = "".join(f"{name}: {value}\r\n" for name, value in trailers.items()).encode()
    return head + b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(body), body, lines)


def replies_to(connection: socket.socket) -> list[Reply]:
    """All that is answered until the other side closes."""
    content = b""
    while chunk := connection.recv(65536):
        content += chunk
    replies = []
    while content:
        replies.append(Reply(content))
        content = replies[-1].rest
    return replies


class TestTrailers:
    def test_a_webhook_that_is_signed_in_trailers_is_not_signed(self, ingress: RunningIngress) -> None:
        body, delivery_id = body_of(received()), new_delivery_id()
        signed = standard(body, delivery_id=delivery_id)
        reply = ingress.exchange(chunked(JSON, PATH, body, trailers=signed))
        assert (reply.status, reply.problem["code"]) == (401, "signature_invalid")
        assert not ingress.rows(delivery_id)

    def test_a_webhook_with_trailers_is_taken_by_its_headers(self, ingress: RunningIngress) -> None:
        body, delivery_id = body_of(received()), new_delivery_id()
        headers = JSON | standard(body, delivery_id=delivery_id)
        other = {"webhook-id": "another", "webhook-signature": "v1,AAAA", "content-encoding": "gzip"}
        assert ingress.exchange(chunked(headers, PATH, body, trailers=other)).status == 200
        assert [bytes(row["raw"]) for row in ingress.rows(delivery_id)] == [body]

    def test_a_token_in_trailers_opens_nothing(self, console: ConsoleProcess) -> None:
        body = b'{"reason": "by a trailer"}'
        reply = console.exchange(chunked(JSON, STOP, body, trailers=console.authorization(Role.ADMIN)))
        assert (reply.status, reply.problem["code"]) == (401, "token_missing")

    def test_a_second_token_in_trailers_is_not_heard(self, console: ConsoleProcess) -> None:
        headers = JSON | console.authorization(Role.VIEWER)
        reply = console.exchange(chunked(headers, STOP, b"{}", trailers=console.authorization(Role.ADMIN)))
        assert (reply.status, reply.problem["code"]) == (403, "role_missing")


@pytest.mark.parametrize("is_in_pieces", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["counted", "chunked"])
@pytest.mark.parametrize("offer", OFFERS)
class TestOffersOfOtherProtocols:
    """An offer may be ignored (RFC 9110, 7.8): the request is served as HTTP/1.1, whole, and the connection kept."""

    def test_a_webhook_is_stored(
        self, ingress: RunningIngress, offer: str, is_chunked: bool, is_in_pieces: bool
    ) -> None:
        body, delivery_id = body_of(received()), new_delivery_id()
        headers = JSON | standard(body, delivery_id=delivery_id) | OFFERS[offer]
        replies = self._send(ingress, PATH, headers, body, is_chunked=is_chunked, is_in_pieces=is_in_pieces)
        assert [reply.status for reply in replies] == [200, 200]
        assert [bytes(row["raw"]) for row in ingress.rows(delivery_id)] == [body]

    def test_an_act_is_done(self, console: ConsoleProcess, offer: str, is_chunked: bool, is_in_pieces: bool) -> None:
        reason = f"{offer} {is_chunked} {is_in_pieces}"
        headers = JSON | console.authorization(Role.ADMIN) | OFFERS[offer]
        body = json.dumps({"reason": reason}).encode()
        replies = self._send(console, STOP, headers, body, is_chunked=is_chunked, is_in_pieces=is_in_pieces)
        assert [reply.status for reply in replies] == [200, 200]
        assert json.loads(replies[0].body)["reason"] == reason

    def _send(
        self, server: Any, target: str, headers: dict[str, str], body: bytes, *, is_chunked: bool, is_in_pieces: bool
    ) -> list[Reply]:
        """The answers to the request and to a probe behind it on the same connection."""
        if is_chunked:
            content = chunked(headers, target, body, trailers={"x": "y"})
        else:
            sized = {"host": "a", **headers, "content-length": str(len(body))}
            content = request(body, method="POST", target=target, headers=sized)
        with server.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in [content[at : at + 1] for at in range(len(content))] if is_in_pieces else [content]:
                connection.sendall(piece)
            first = read_reply(connection)
            connection.sendall(PROBE)
            return [first, read_reply(connection)]


def test_an_offer_to_tunnel_is_refused(ingress: RunningIngress, console: ConsoleProcess) -> None:
    for server in (ingress, console):
        assert server.exchange(b"CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n").status == 400


@pytest.mark.parametrize("name", ["ingress", "console"])
class TestPipelining:
    def test_a_few_are_answered_in_order(self, request: pytest.FixtureRequest, name: str) -> None:
        server = request.getfixturevalue(name)
        asked = [b"GET %s HTTP/1.1\r\nhost: a\r\n\r\n" % target for target in (b"/livez", b"/nothing", b"/readyz") * 5]
        with server.connect() as connection:
            connection.sendall(b"".join(asked))
            connection.shutdown(socket.SHUT_WR)
            assert [reply.status for reply in replies_to(connection)] == [200, 404, 200] * 5

    def test_of_many_the_first_are_answered_and_the_rest_are_not_begun(
        self, request: pytest.FixtureRequest, name: str
    ) -> None:
        server = request.getfixturevalue(name)
        with server.connect() as connection:
            connection.sendall(PROBE * 500)
            replies = replies_to(connection)
        assert 16 <= len(replies) < 500
        assert {reply.status for reply in replies} == {200}
        assert [reply.headers.get("connection") for reply in replies] == [*[None] * (len(replies) - 1), "close"]

    @pytest.mark.parametrize(
        "behind",
        [b"\0garbage", b"POST /livez HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b"GET /li"],
        ids=["garbage", "a broken body", "the end"],
    )
    def test_what_is_broken_behind_them_takes_none_of_their_answers(
        self, request: pytest.FixtureRequest, name: str, behind: bytes
    ) -> None:
        server = request.getfixturevalue(name)
        with server.connect() as connection:
            connection.sendall(PROBE * 3 + behind)
            connection.shutdown(socket.SHUT_WR)
            replies = replies_to(connection)
        statuses = [reply.status for reply in replies]
        assert statuses[:3] == [200] * 3
        assert statuses[3:] in ([], [400])


class TestHead:
    @pytest.mark.parametrize("path", ["/livez", "/readyz", "/nothing"])
    def test_it_is_answered_as_get_is(self, ingress: RunningIngress, console: ConsoleProcess, path: str) -> None:
        for server in (ingress, console):
            asked, head = server.call("GET", path), server.call("HEAD", path)
            assert (head.status_code, head.content) == (asked.status_code, b"")
            assert head.headers["content-type"] == asked.headers["content-type"]

    @pytest.mark.parametrize(
        "path", [path_of(route) for route in ROUTES if route.method == "GET" and "{" not in route.path]
    )
    def test_on_every_address_of_the_api(self, console: ConsoleProcess, path: str) -> None:
        headers = console.authorization(Role.ADMIN)
        asked = console.call("GET", PREFIX + path, headers=headers)
        head = console.call("HEAD", PREFIX + path, headers=headers)
        assert (head.status_code, head.content) == (asked.status_code, b"")
        assert "HEAD" in console.call("DELETE", PREFIX + path, headers=headers).headers["allow"].split(", ")


def test_sending_is_stopped_while_every_other_place_is_taken(console: ConsoleProcess) -> None:
    """Ordinary requests wait for a lock that this test holds; who stops sending does not wait behind them."""
    headers = console.authorization(Role.ADMIN)
    ends = threading.Event()

    def ask() -> None:
        while not ends.is_set():
            httpx.get(f"{console.url}/api/v1/campaigns", headers=headers, timeout=60, trust_env=False)

    threads = [threading.Thread(target=ask) for _ in range(3 * ORDINARY)]
    url = console.database_url.replace("+psycopg", "")
    with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as watcher:
        holder.execute("LOCK TABLE campaigns IN ACCESS EXCLUSIVE MODE")
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: waiting(watcher) == ORDINARY)
            answer = console.call("POST", STOP, json={"reason": "everything is stuck"}, headers=headers)
            assert (answer.status_code, answer.json()["reason"]) == (200, "everything is stuck")
            assert [console.call("GET", path).status_code for path in ("/livez", "/readyz")] == [200, 200]
            assert waiting(watcher) <= ORDINARY
        finally:
            ends.set()
            holder.rollback()
            for thread in threads:
                thread.join()


def waiting(watcher: psycopg.Connection[Any]) -> int:
    """How many requests wait for the table."""
    row = watcher.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'").fetchone()
    assert row is not None
    return int(row[0])


def test_a_whole_delivery_is_stored_whatever_follows_it(ingress: RunningIngress) -> None:
    delivery_id = new_delivery_id()
    with ingress.connect() as connection:
        connection.sendall(signed_request(body_of(received()), delivery_id=delivery_id) + b"POST " * 20_000)
        assert [reply.status for reply in replies_to(connection)] == [200]
    assert len(ingress.rows(delivery_id)) == 1
