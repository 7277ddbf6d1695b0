"""Read a request's body within a size, whatever its headers claim. Its time is the connection's or the caller's."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from services.core.domain.failures import RefusedInput

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
LONGEST_LENGTH = 15
"""Digits of a length that is worth reading as a number."""


class SenderGone(Exception):
    """The connection ended before the body did."""


async def read_chunks(headers: Mapping[str, str], receive: Receive, *, largest: int) -> AsyncIterator[bytes]:
    """The body's bytes as they come. Raises `RefusedInput` for a large one (413), or `SenderGone`."""
    declared = headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > LONGEST_LENGTH or int(declared) > largest):
        raise _too_large(largest)
    size, is_whole = 0, False
    while not is_whole:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SenderGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > largest:
            raise _too_large(largest)
        is_whole = not message.get("more_body", False)
        yield chunk


def media_type(headers: Mapping[str, str]) -> str:
    """The content type without its parameters, in lower case; empty when none is named."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def check_encoding(headers: Mapping[str, str]) -> None:
    """Raises `RefusedInput` (415) for a compressed body: its size is unknown before it is unpacked."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise RefusedInput("content_encoding", "send the body as it is, not compressed", status=415)


def _too_large(largest: int) -> RefusedInput:
    return RefusedInput("body_too_large", f"the body of this request has at most {largest} bytes", status=413)
