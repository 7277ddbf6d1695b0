"""Read a request's body within a size, whatever its headers claim. Its time is the connection's."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from services.core.runtime import failpoints
from services.webhook_ingress.answers import Refused

READ_AS_JSON = ("", "application/json")

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class SenderGone(Exception):
    """The connection ended before the body did: there is nobody to answer."""


async def read_body(headers: Mapping[str, str], receive: Receive, *, largest: int) -> bytes:
    """The raw bytes. Raises `Refused` for a wrong kind (415) or a large one (413), or `SenderGone`."""
    declared = headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 15 or int(declared) > largest):
        raise _too_large(largest)
    _check_kind(headers)
    failpoints.reach("webhook_head_read")
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SenderGone
        body += message.get("body", b"")
        if len(body) > largest:
            raise _too_large(largest)
        if not message.get("more_body", False):
            failpoints.reach("webhook_body_read")
            return bytes(body)
        failpoints.reach("webhook_body_begun")


def _check_kind(headers: Mapping[str, str]) -> None:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Refused(415, "content_encoding", "the body must not be compressed: its bytes are what is signed")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in READ_AS_JSON and not kind.startswith("text/"):
        raise Refused(415, "content_type", "a webhook's content type is application/json")


def _too_large(largest: int) -> Refused:
    return Refused(413, "body_too_large", f"a body has at most {largest} bytes")
