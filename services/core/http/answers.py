"""Small whole answers, and every refusal in the one form that all our HTTP answers have (RFC 9457)."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from services.core.domain.failures import RefusedInput
from services.core.runtime import failpoints

PROBLEM = "application/problem+json"
Headers = tuple[tuple[bytes, bytes], ...]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response. `as_bytes` is for the connection that is refused before there is a request."""

    status: int
    body: bytes
    headers: Headers

    async def send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        failpoints.reach("answer_begun")
        await send({"type": "http.response.body", "body": self.body})

    def as_bytes(self) -> bytes:
        """The response of a connection that ends with it, as HTTP/1.1."""
        lines = [b"HTTP/1.1 %d %s" % (self.status, HTTPStatus(self.status).phrase.encode())]
        lines += [name + b": " + value for name, value in (*self.headers, (b"connection", b"close"))]
        return b"\r\n".join((*lines, b"", self.body))


def plain(members: dict[str, str]) -> Answer:
    """200 and a flat JSON object."""
    return _answer(200, "application/json", members)


def problem(
    status: int, code: str, detail: str, *, pointer: str = "", request_id: str = "", headers: Headers = ()
) -> Answer:
    """An error, never with the value that was sent.

    `code` is stable, `detail` says the remedy, `pointer` is a JSON pointer to the field; a request without an id gets
    one here.
    """
    members = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "pointer": pointer,
        "request_id": request_id or uuid4().hex,
    }
    return _answer(status, PROBLEM, members, headers)


def refusal(error: RefusedInput) -> Answer:
    """What is answered to a request that is not taken."""
    return problem(error.status, error.code, error.detail, pointer=error.pointer)


def _answer(status: int, media_type: str, members: dict[str, Any], headers: Headers = ()) -> Answer:
    body = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
    length = b"%d" % len(body)
    return Answer(status, body, ((b"content-type", media_type.encode()), (b"content-length", length), *headers))
