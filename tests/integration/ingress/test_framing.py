"""What is refused before anything is verified: path, method, size, time, kind, and everything odd in HTTP itself."""

import socket
from http import HTTPStatus

import pytest

from tests.tools.http_role import read_reply
from tests.tools.ingress import (
    JSON,
    PATH,
    RunningIngress,
    body_of,
    new_delivery_id,
    received,
    request,
    signed_request,
    standard,
)

LIMIT = 256 * 1024
HOST = {"host": "ingress"}


def padded(size: int) -> bytes:
    document = received(pad="")
    return body_of(document | {"pad": "x" * (size - len(body_of(document)))})


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/", 404, "not_found"),
        ("/webhooks", 404, "not_found"),
        (f"{PATH}/", 404, "not_found"),
        (f"{PATH}/more", 404, "not_found"),
        ("/webhooks//openphone", 404, "not_found"),
        (f"/{PATH}", 404, "not_found"),
        ("//evil.example/webhooks/openphone", 404, "not_found"),
        ("/webhooks/openphon%65", 404, "not_found"),
        ("/webhooks%2Fopenphone", 404, "not_found"),
        ("/%2e%2e/webhooks/openphone", 404, "not_found"),
        ("/x/../webhooks/openphone", 404, "not_found"),
        ("/webhooks/openphone;x", 404, "not_found"),
        ("/WEBHOOKS/openphone", 404, "not_found"),
        ("/@ingress/webhooks/openphone", 404, "not_found"),
        ("/docs", 404, "not_found"),
        ("/openapi.json", 404, "not_found"),
        ("/metrics", 404, "not_found"),
        (f"http://ingress{PATH}", 400, "target_malformed"),
        (f"http://evil@ingress{PATH}", 400, "target_malformed"),
        (f"@ingress{PATH}", 400, "request_malformed"),
        ("*", 400, "target_malformed"),
        (f"{PATH}#/livez", 400, "target_malformed"),
        ("ingress:80", 400, "request_malformed"),
    ],
)
def test_target(ingress: RunningIngress, target: str, status: int, code: str) -> None:
    body = body_of(received())
    headers = HOST | JSON | standard(body) | {"content-length": str(len(body))}
    reply = ingress.exchange(request(body, target=target, headers=headers))
    assert (reply.status, reply.problem["code"]) == (status, code)
    assert not ingress.rows(headers["webhook-id"])


def test_a_query_changes_nothing(ingress: RunningIngress) -> None:
    body = body_of(received())
    assert ingress.call("POST", f"{PATH}?to=/livez", content=body, headers=JSON | standard(body)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_method(ingress: RunningIngress, method: str) -> None:
    body = body_of(received())
    headers = HOST | JSON | standard(body) | {"content-length": str(len(body))}
    reply = ingress.exchange(request(body, method=method, headers=headers))
    assert (reply.status, reply.headers["allow"], reply.problem["code"]) == (405, "POST", "method_not_allowed")
    assert not ingress.rows(headers["webhook-id"])


def test_head_is_refused_without_a_body(ingress: RunningIngress) -> None:
    reply = ingress.call("HEAD", PATH)
    assert (reply.status_code, reply.content) == (405, b"")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes(ingress: RunningIngress, path: str) -> None:
    assert ingress.call("GET", path).status_code == 200
    head = ingress.call("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert ingress.call("POST", path).status_code == 405


@pytest.mark.parametrize(("size", "status"), [(LIMIT - 1, 200), (LIMIT, 200), (LIMIT + 1, 413), (3 * LIMIT, 413)])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_size(ingress: RunningIngress, size: int, status: int, is_chunked: bool) -> None:
    body = padded(size)
    headers = JSON | standard(body)
    content = (body[start : start + 50_000] for start in range(0, size, 50_000)) if is_chunked else body
    reply = ingress.call("POST", PATH, content=content, headers=headers)
    assert reply.status_code == status
    assert len(ingress.rows(headers["webhook-id"])) == (status == 200)


def test_an_endless_body_is_cut_off(ingress: RunningIngress) -> None:
    with ingress.connect() as connection:
        connection.sendall(request(headers=HOST | JSON | {"content-length": str(5 * 1024**3)}))
        assert read_reply(connection).status == 413
        with pytest.raises(OSError, match=r"reset|pipe"):
            connection.sendall(b"x" * 20_000_000)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-length": "-1"}, 400, "request_malformed"),
        ({"content-length": "+5"}, 400, "request_malformed"),
        ({"content-length": "5 5"}, 400, "request_malformed"),
        ({"content-length": "0x5"}, 400, "request_malformed"),
        ({"content-length": "9" * 30}, 400, "request_malformed"),
        ({"content-length": "5\r\ncontent-length: 6"}, 400, "request_malformed"),
        ({"content-length": "5", "transfer-encoding": "chunked"}, 400, "request_malformed"),
        ({"transfer-encoding": "gzip"}, 400, "request_malformed"),
        ({"na me": "x"}, 400, "request_malformed"),
        ({"webhook-id": "a\x00b"}, 400, "request_malformed"),
        ({"host": "a\r\nhost: b"}, 400, "host_malformed"),
        ({"host": "evil@ingress"}, 400, "host_malformed"),
        ({"host": "ingress/webhooks"}, 400, "host_malformed"),
        ({"host": ""}, 400, "host_malformed"),
        ({"x-large": "x" * 100_000}, 431, "head_too_large"),
        ({f"x-{number}": "x" * 100 for number in range(1000)}, 431, "head_too_large"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_malformed(ingress: RunningIngress, headers: dict[str, str], status: int, code: str) -> None:
    reply = ingress.exchange(request(b"{}", headers=HOST | JSON | headers))
    assert (reply.status, reply.problem["code"], reply.headers["connection"]) == (status, code, "close")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"POST /webhooks/openphone HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"STOP\r\n\r\n", 400),
        (b"POST /webhooks/openphone HTTP/9.9\r\nhost: a\r\n\r\n", 400),
        (b"POST /" + b"x" * 100_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 431),
        (b"POST /" + b"x" * 100_000, 431),
        (b"\r\n" * 40_000, 431),
    ],
    ids=lambda value: str(value)[:40],
)
def test_no_request_at_all(ingress: RunningIngress, content: bytes, status: int) -> None:
    reply = ingress.exchange(content)
    assert (reply.status, reply.problem["status"]) == (status, status)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json; charset=utf-8"}, 200),
        ({"content-type": "text/plain"}, 200),
        ({"content-type": "APPLICATION/JSON", "content-encoding": "Identity"}, 200),
        ({}, 200),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/octet-stream"}, 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ({"content-type": "application/json", "content-encoding": "br"}, 415),
        ({"content-type": "application/json", "content-encoding": "identity, gzip"}, 415),
    ],
    ids=str,
)
def test_kind(ingress: RunningIngress, headers: dict[str, str], status: int) -> None:
    body = body_of(received())
    signed = standard(body)
    reply = ingress.call("POST", PATH, content=body, headers=headers | signed)
    assert reply.status_code == status
    assert len(ingress.rows(signed["webhook-id"])) == (status == 200)


class TestOddButHonest:
    def test_expect_continue_is_answered_before_the_body(self, ingress: RunningIngress) -> None:
        body = body_of(received())
        head, _, _ = signed_request(body).partition(b"\r\n\r\n")
        with ingress.connect() as connection:
            connection.sendall(head + b"\r\nexpect: 100-continue\r\n\r\n")
            assert read_reply(connection).status == 100
            connection.sendall(body)
            assert read_reply(connection).status == 200

    def test_expect_continue_is_refused_without_the_body(self, ingress: RunningIngress) -> None:
        headers = HOST | JSON | {"expect": "100-continue", "content-length": str(LIMIT + 1)}
        with ingress.connect() as connection:
            connection.sendall(request(headers=headers))
            assert read_reply(connection).status == 413
            assert connection.recv(1) == b""

    def test_pipelined_requests_are_answered_in_order(self, ingress: RunningIngress) -> None:
        wrong = request(b"{}", headers=HOST | JSON | {"content-length": "2"})
        parts = [signed_request(body_of(received())), wrong, signed_request(body_of(received()))]
        with ingress.connect() as connection:
            connection.sendall(b"".join(parts))
            content = b""
            while content.count(b"HTTP/1.1 ") < 3 or not content.endswith(b"}"):
                content += connection.recv(65536)
        assert [int(part[:3]) for part in content.split(b"HTTP/1.1 ")[1:]] == [200, 401, 200]

    def test_malformed_after_an_honest_one_leaves_its_answer_whole(self, ingress: RunningIngress) -> None:
        reply = ingress.exchange(signed_request(body_of(received())) + b"\x00\x00garbage\r\n\r\n")
        assert reply.status == 200

    def test_http_1_0(self, ingress: RunningIngress) -> None:
        body = body_of(received())
        reply = ingress.exchange(
            signed_request(body).replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"host: ingress\r\n", b"")
        )
        assert (reply.status, reply.headers["connection"]) == (200, "close")

    def test_half_closed_after_the_request(self, ingress: RunningIngress) -> None:
        assert ingress.exchange(signed_request(body_of(received())), half_close=True).status == 200

    def test_half_closed_in_the_request_stores_nothing(self, ingress: RunningIngress) -> None:
        delivery_id = new_delivery_id()
        content = signed_request(body_of(received()), delivery_id=delivery_id)
        with ingress.connect() as connection:
            connection.sendall(content[:-1])
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
        assert not ingress.rows(delivery_id)

    def test_byte_by_byte(self, ingress: RunningIngress) -> None:
        with ingress.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in signed_request(body_of(received())):
                connection.sendall(bytes([byte]))
            assert read_reply(connection).status == 200


class TestSlow:
    @pytest.mark.parametrize("sent", [0, 1, 60, -10], ids=["silent", "line", "head", "body"])
    def test_an_unfinished_request_ends(self, ingress: RunningIngress, sent: int) -> None:
        delivery_id = new_delivery_id()
        content = signed_request(body_of(received()), delivery_id=delivery_id)
        with ingress.connect() as connection:
            connection.sendall(content[:sent])
            reply = read_reply(connection)
            assert connection.recv(1) == b""
        assert (reply.status, reply.problem["code"]) == (408, "request_too_slow")
        assert not ingress.rows(delivery_id)

    def test_a_drip_does_not_prolong_it(self, ingress: RunningIngress) -> None:
        with ingress.connect(timeout=0.2) as connection:
            connection.sendall(b"POST /webhooks/openphone HTTP/1.1\r\n")
            for _ in range(100):  # a hundred more than the second that a request has here
                try:
                    assert connection.recv(65536).startswith(b"HTTP/1.1 408")
                    return
                except TimeoutError:
                    connection.sendall(b"x: y\r\n")
        pytest.fail("a request that never ends was waited for")

    def test_a_second_request_has_its_own_time(self, ingress: RunningIngress) -> None:
        with ingress.connect() as connection:
            connection.sendall(signed_request(body_of(received())))
            assert read_reply(connection).status == 200
            connection.sendall(b"POST /web")
            assert read_reply(connection).status == 408

    def test_hundreds_of_slow_ones_do_not_stop_an_honest_one(self, ingress: RunningIngress) -> None:
        """More than are kept waiting: the oldest make room, and a request that arrives at once is served at once."""
        slow = [ingress.connect() for _ in range(700)]
        try:
            for position, connection in enumerate(slow[-300:]):
                connection.sendall(b"POST " if position % 2 else request(headers=HOST | JSON | {"content-length": "9"}))
            for _ in range(20):
                assert ingress.post(body_of(received())).status_code == 200
            assert slow[0].recv(1) == b"", "the one that waited longest made room"
        finally:
            for connection in slow:
                connection.close()


def test_every_refusal_has_one_form(ingress: RunningIngress) -> None:
    replies = [
        ingress.call("GET", "/nowhere"),
        ingress.call("GET", PATH),
        ingress.call("POST", PATH, content=b"{}", headers={"content-type": "image/png"}),
        ingress.call("POST", PATH, content=b"{}"),
        ingress.call("POST", PATH, content=b"x" * (LIMIT + 1)),
        ingress.call("POST", PATH, headers={"x": "x" * 100_000}),
    ]
    assert [reply.status_code for reply in replies] == [404, 405, 415, 401, 413, 431]
    members = {"type", "title", "status", "code", "detail", "pointer", "request_id"}
    for reply in replies:
        assert reply.headers["content-type"] == "application/problem+json"
        assert set(reply.json()) == members
        assert reply.json()["title"] == HTTPStatus(reply.status_code).phrase
        assert "server" not in reply.headers
