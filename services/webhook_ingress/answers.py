"""What the ingress answers: one small JSON object, and every refusal in the one form that all our HTTP answers have."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from services.core.runtime import failpoints

Headers = tuple[tuple[bytes, bytes], ...]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response. `as_bytes` is for the connection that is refused before there is a request."""

    status: int
    body: bytes
    headers: Headers

    async def send(self, send: Send) -> None:
        failpoints.reach("webhook_answering")
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        failpoints.reach("webhook_answer_begun")
        await send({"type": "http.response.body", "body": self.body})
        failpoints.reach("webhook_answered")

    def as_bytes(self) -> bytes:
        """The response of a connection that ends with it, as HTTP/1.1."""
        lines = [b"HTTP/1.1 %d %s" % (self.status, HTTPStatus(self.status).phrase.encode())]
        lines += [name + b": " + value for name, value in (*self.headers, (b"connection", b"close"))]
        return b"\r\n".join((*lines, b"", self.body))


class Refused(Exception):
    """The request is not taken; `answer` says why, never with the value that was sent."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code)
        self.answer = problem(status, code, detail)


def plain(members: dict[str, str]) -> Answer:
    """200 and a flat JSON object."""
    return _answer(200, b"application/json", members)


def problem(status: int, code: str, detail: str, *, headers: Headers = ()) -> Answer:
    """An error: `code` is stable, `detail` says the remedy."""
    members = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "pointer": "",
        "request_id": uuid4().hex,
    }
    return _answer(status, b"application/problem+json", members, headers)


def _answer(status: int, media_type: bytes, members: dict[str, Any], headers: Headers = ()) -> Answer:
    body = json.dumps(members).encode()
    length = b"%d" % len(body)
    return Answer(status, body, ((b"content-type", media_type), (b"content-length", length), *headers))
