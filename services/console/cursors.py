"""Lists in pages: a cursor says in which list, and where in it, the next page begins.

It holds no secret and gives no right: whoever may read the list may read it from anywhere. The digest only keeps a
cursor from being taken to another list, or to the same one with other filters, where it would skip or repeat rows.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request

from services.console.shapes import Page, PageQuery
from services.core.domain.failures import RefusedInput
from services.core.views.values import LARGEST_ID
from services.core.views.values import Page as Listed

Row = TypeVar("Row")
POSITION_BYTES = 8
DIGEST_BYTES = 16


def cursor_of(scope: str, position: int) -> str:
    """A cursor for `position` in the list `scope`, which names its address and filters."""
    raw = position.to_bytes(POSITION_BYTES, "big")
    return urlsafe_b64encode(raw + _digest(scope, raw)).decode().rstrip("=")


def read_cursor(scope: str, cursor: str) -> int:
    """The position. Raises `RefusedInput` for a cursor of another list, or of none."""
    try:
        given = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except ValueError as error:
        raise _invalid() from error
    raw, digest = given[:POSITION_BYTES], given[POSITION_BYTES:]
    position = int.from_bytes(raw, "big")
    if digest != _digest(scope, raw) or position > LARGEST_ID:
        raise _invalid()
    return position


def page_of(request: Request, query: PageQuery, fetch: Callable[[int, int], Listed[Row]]) -> Page[Row]:
    """The page that `query` asks for: `fetch` gets the last position seen, 0 at first, and how many items to answer."""
    page = fetch(position_of(request, query), query.limit)
    return Page(items=page.items, next=cursor_to(request, query, page.next))


def position_of(request: Request, query: PageQuery) -> int:
    """The last position seen, 0 on the first page. Raises `RefusedInput` for a cursor that we didn't give."""
    return read_cursor(_scope(request, query), query.cursor) if query.cursor is not None else 0


def cursor_to(request: Request, query: PageQuery, position: int | None) -> str | None:
    """The cursor of the page behind `position`, if there is one."""
    return cursor_of(_scope(request, query), position) if position is not None else None


def _scope(request: Request, query: PageQuery) -> str:
    return f"{request.url.path}?{query.model_dump_json(exclude={'cursor', 'limit'})}"


def _digest(scope: str, raw: bytes) -> bytes:
    return hashlib.sha256(scope.encode() + b"\0" + raw).digest()[:DIGEST_BYTES]


def _invalid() -> RefusedInput:
    return RefusedInput("cursor_invalid", "take the cursor from `next` of the same list's page", pointer="/cursor")
