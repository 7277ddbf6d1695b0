"""What pages load: served under the hash of its content, so that a browser may keep it for ever."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console import problems
from services.core.domain.failures import NotFound

FOLDER = Path(__file__).parents[1] / "static"
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
HASH_CHARACTERS = 16
KEPT = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent; `address` has the hash of its content."""

    address: str
    kind: str
    content: bytes
    packed: bytes


def _read(path: Path) -> File:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:HASH_CHARACTERS]
    return File(f"/static/{digest}/{path.name}", KINDS[path.suffix], content, gzip.compress(content, 9, mtime=0))


FILES: Mapping[str, File] = {path.name: _read(path) for path in FOLDER.rglob("*") if path.suffix in KINDS}
_BY_ADDRESS: Mapping[str, File] = {file.address: file for file in FILES.values()}


def address_of(name: str) -> str:
    """Where a page finds the file. Raises `KeyError` for one that there isn't."""
    return FILES[name].address


@router.get("/static/{digest}/{name}")
async def send_file(request: Request) -> Response:
    file = _BY_ADDRESS.get(request.url.path)
    if file is None:
        return problems.answer(request, NotFound("file", "of that name and content"))
    headers = {"cache-control": KEPT, "vary": "accept-encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(file.content, headers=headers, media_type=file.kind)
    return Response(file.packed, headers=headers | {"content-encoding": "gzip"}, media_type=file.kind)
