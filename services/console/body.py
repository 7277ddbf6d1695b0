"""Read a request's body by its route's kind, within a size and a time, before anything is done with it."""

import asyncio
import errno
import hashlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from tempfile import SpooledTemporaryFile
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.console.json_reader import read_json
from services.core.domain.failures import RefusedInput
from services.core.http.body import SenderGone, check_encoding, media_type, read_chunks
from services.core.http.connection import body_time_is_mine

IN_MEMORY = 1024 * 1024
CHUNK = 256 * 1024
FIELDS_AT_MOST = 1000
UPLOADS_AT_ONCE = 2
"""Of the largest files; what the chart's `console.uploads` holds."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Takes(StrEnum):
    """What a route reads."""

    NOTHING = "nothing"
    JSON = "application/json"
    CSV = "text/csv"
    FORM = "application/x-www-form-urlencoded"
    FILE_FORM = "multipart/form-data"


LIMITS = {
    Takes.NOTHING: (64 * 1024, timedelta(seconds=10)),
    Takes.JSON: (64 * 1024, timedelta(seconds=10)),
    Takes.FORM: (64 * 1024, timedelta(seconds=10)),
    Takes.CSV: (256 * 1024 * 1024, timedelta(minutes=5)),
    Takes.FILE_FORM: (256 * 1024 * 1024, timedelta(minutes=5)),
}


class Room:
    """How many bytes of temporary files there may be at once: the disk they lie on is shared, and small in a pod."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Raises `RefusedInput` (503) when others have taken it."""
        with self._lock:
            if size > self._left:
                detail = "other large files are being read just now: send this one again in some minutes"
                raise RefusedInput("uploads_busy", detail, status=503)
            self._left -= size

    def give_back(self, size: int) -> None:
        with self._lock:
            self._left += size


ROOM = Room(UPLOADS_AT_ONCE * LIMITS[Takes.CSV][0])


class Upload:
    """A received body: small ones stay in memory, large ones in a temporary file without a name."""

    def __init__(self) -> None:
        self._file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - see close
        self._digest = hashlib.sha256()
        self._on_disk = 0
        self.size = 0

    @property
    def digest(self) -> bytes:
        return self._digest.digest()

    def write(self, chunk: bytes) -> None:
        """Raises `RefusedInput`: 507 without room on the disk, 503 while others have it."""
        self.size += len(chunk)
        if self.size > IN_MEMORY:
            ROOM.take(self.size - self._on_disk)
            self._on_disk = self.size
        try:
            self._file.write(chunk)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            detail = "the console has no room for a file of this size: split it, or give console.uploads more room"
            raise RefusedInput("no_room", detail, status=507) from error
        self._digest.update(chunk)

    def chunks(self) -> Iterator[bytes]:
        self._file.seek(0)
        while chunk := self._file.read(CHUNK):
            yield chunk

    def close(self) -> None:
        ROOM.give_back(self._on_disk)
        self._on_disk = 0
        try:
            self._file.close()
        except OSError as error:  # what did not fit on the disk is tried once more when the file is closed
            if error.errno not in NO_ROOM:
                raise


class Body:
    """The layer that takes the whole body by the route's kind, and hands it on: a file as the upload, JSON once more.

    What is raised: see `_read`. The upload is closed when the answer was sent.
    """

    def __init__(self, app: ASGIApp, *, takes: Takes) -> None:
        self._app = app
        self._takes = takes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = Upload()
        try:
            await _read(Request(scope), receive, upload, self._takes, is_known=True)
            scope["state"]["upload"] = upload
            raw = b"" if self._takes is Takes.CSV else _checked(upload, self._takes)
            await self._app(scope, _again(raw, receive), send)
        finally:
            upload.close()


async def read_form(request: Request, *, is_known: bool) -> list[tuple[str, str]]:
    """The fields of a page's form, in order, within a body's limits. Raises `RefusedInput`."""
    upload = Upload()
    try:
        await _read(request, request.receive, upload, Takes.FORM, is_known=is_known)
        return _fields(b"".join(upload.chunks()))
    finally:
        upload.close()


async def read_file_form(request: Request) -> Upload:
    """A page's form with a file as it came, to be closed. Raises `RefusedInput`; then nothing is left open."""
    upload = Upload()
    try:
        await _read(request, request.receive, upload, Takes.FILE_FORM, is_known=True)
    except BaseException:
        upload.close()
        raise
    return upload


async def _read(request: Request, receive: Receive, upload: Upload, takes: Takes, *, is_known: bool) -> None:
    """Take the body of a sender who was let in, or else keeps a place among those that make the server wait.

    Raises `RefusedInput`: 415 for another kind, 413 for a large body, 408 for a slow one, 400 for a broken or
    missing one, 507 or 503 for one that there is no room for.
    """
    largest, within = LIMITS[takes]
    _check_kind(request, takes)
    refused = None
    if is_known:
        body_time_is_mine(request.scope["state"])
    try:
        async with asyncio.timeout(within.total_seconds()):
            async for chunk in read_chunks(request.headers, receive, largest=largest):
                if refused is None:
                    try:
                        await run_in_threadpool(upload.write, chunk)
                    except RefusedInput as no_room:
                        # An answer to who still writes is lost with the connection: the rest is read and dropped.
                        refused = no_room
                        upload.close()
    except TimeoutError as error:
        detail = f"the body did not arrive within {within.total_seconds():g} seconds"
        raise RefusedInput("body_too_slow", detail, status=408) from error
    except SenderGone as error:
        raise RefusedInput("body_incomplete", "the connection ended before the body", status=400) from error
    if refused is not None:
        raise refused
    if takes is not Takes.NOTHING and not upload.size:
        raise RefusedInput("body_missing", f"this request has a body of {takes}", status=400)


def _checked(upload: Upload, takes: Takes) -> bytes:
    """The bytes of a body that is JSON, or nothing. Raises `RefusedInput`."""
    raw = b"".join(upload.chunks())
    document = read_json(raw) if raw else None
    if takes is Takes.NOTHING and document:
        raise RefusedInput("body_unexpected", "this request has no body")
    return raw


def _again(raw: bytes, receive: Receive) -> Receive:
    """What receives the body once more, and then whatever else comes."""
    left: list[Message] = [{"type": "http.request", "body": raw, "more_body": False}]

    async def received() -> Message:
        return left.pop() if left else await receive()

    return received


def _check_kind(request: Request, takes: Takes) -> None:
    """Only the route's own kind: the API takes no form and no plain text, which other sites' pages could send."""
    check_encoding(request.headers)
    kind = media_type(request.headers)
    wanted = Takes.JSON if takes is Takes.NOTHING else takes
    if kind != wanted and not (takes is Takes.NOTHING and not kind):
        raise RefusedInput("content_type", f"the content type of this request is {wanted}", status=415)


def _fields(raw: bytes) -> list[tuple[str, str]]:
    """A form's fields in order. Raises `RefusedInput` for what no browser sends."""
    try:
        fields = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_AT_MOST)
    except (UnicodeDecodeError, ValueError) as error:
        raise RefusedInput("body_malformed", "this is no form that a browser sends", status=400) from error
    if any("\0" in part for field in fields for part in field):
        raise RefusedInput("text_unreadable", "a text in the form has a NUL")
    return fields
