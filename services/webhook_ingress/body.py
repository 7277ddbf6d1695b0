"""Read a request's body within a size and a time, whatever its headers claim; checked before anything else."""

import asyncio
from datetime import timedelta

from fastapi import Request
from starlette.requests import ClientDisconnect

READ_AS_JSON = ("", "application/json")


class BodyRefused(Exception):
    """The body isn't read; `status`, `code` and `detail` are the answer."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail


async def read_body(request: Request, *, largest: int, within: timedelta) -> bytes:
    """The raw bytes. Raises `BodyRefused` for a wrong kind (415), a large one (413) or a slow one (408)."""
    _check_kind(request)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 15 or int(declared) > largest):
        raise _too_large(largest)
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await _read(request, largest)
    except TimeoutError as error:
        seconds = within.total_seconds()
        raise BodyRefused(408, "body_too_slow", f"the body did not arrive within {seconds:g} seconds") from error
    except ClientDisconnect as error:
        raise BodyRefused(400, "body_incomplete", "the connection ended before the body") from error


def _check_kind(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise BodyRefused(415, "content_encoding", "the body must not be compressed: its bytes are what is signed")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in READ_AS_JSON and not kind.startswith("text/"):
        raise BodyRefused(415, "content_type", "a webhook's content type is application/json")


async def _read(request: Request, largest: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            raise _too_large(largest)
    return bytes(body)


def _too_large(largest: int) -> BodyRefused:
    return BodyRefused(413, "body_too_large", f"a body has at most {largest} bytes")
