"""Lists in pages: a cursor says where the next page begins, and is signed so that nobody makes one up."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request

from services.console.shapes import Page, PageQuery
from services.core.domain.failures import RefusedInput
from services.core.views.values import Page as Listed

Row = TypeVar("Row")
POSITION_BYTES = 8
MAC_BYTES = 16


class Cursors:
    """Signs and reads positions. One secret for all processes of an installation, whatever answers the next page."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(f"cursors:{secret}".encode()).digest()

    def sign(self, scope: str, position: int) -> str:
        """A cursor for `position` in the list `scope`, which names its address and filters."""
        raw = position.to_bytes(POSITION_BYTES, "big")
        return urlsafe_b64encode(raw + self._mac(scope, raw)).decode().rstrip("=")

    def read(self, scope: str, cursor: str) -> int:
        """The position. Raises `RefusedInput` for a cursor of another list, or of nobody's."""
        try:
            signed = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except ValueError as error:
            raise _invalid() from error
        raw, mac = signed[:POSITION_BYTES], signed[POSITION_BYTES:]
        if not hmac.compare_digest(mac, self._mac(scope, raw)):
            raise _invalid()
        return int.from_bytes(raw, "big")

    def _mac(self, scope: str, raw: bytes) -> bytes:
        return hmac.digest(self._key, scope.encode() + b"\0" + raw, "sha256")[:MAC_BYTES]


def page_of(request: Request, query: PageQuery, fetch: Callable[[int, int], Listed[Row]]) -> Page[Row]:
    """The page that `query` asks for: `fetch` gets the last position seen, 0 at first, and how many items to answer."""
    page = fetch(position_of(request, query), query.limit)
    return Page(items=page.items, next=cursor_to(request, query, page.next))


def position_of(request: Request, query: PageQuery) -> int:
    """The last position seen, 0 on the first page. Raises `RefusedInput` for a cursor that we didn't give."""
    cursors: Cursors = request.app.state.cursors
    return cursors.read(_scope(request, query), query.cursor) if query.cursor is not None else 0


def cursor_to(request: Request, query: PageQuery, position: int | None) -> str | None:
    """The cursor of the page behind `position`, if there is one."""
    cursors: Cursors = request.app.state.cursors
    return cursors.sign(_scope(request, query), position) if position is not None else None


def _scope(request: Request, query: PageQuery) -> str:
    return f"{request.url.path}?{query.model_dump_json(exclude={'cursor', 'limit'})}"


def _invalid() -> RefusedInput:
    return RefusedInput("cursor_invalid", "take the cursor from `next` of the same list's page", pointer="/cursor")
