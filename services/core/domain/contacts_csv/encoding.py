"""From bytes to text: UTF-8, or UTF-16 with a byte order mark; nothing else is guessed."""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final

from services.core.domain.contacts_csv.refusal import FileRefused

# A byte that is no text arrives as a lone surrogate, and so does half a pair; NUL is text nowhere.
BAD_CHARACTER: Final = re.compile("[\0\ud800-\udfff]")

_HEAD: Final = 1024
_SLICE: Final = 1 << 16
_UNDECIDABLE: Final = "the encoding is not clear: save the file as CSV UTF-8"

# The first bytes of formats that get renamed to .csv.
_MAGIC: Final = {
    "zip or xlsx": b"PK\x03\x04",
    "empty zip": b"PK\x05\x06",
    "xls": b"\xd0\xcf\x11\xe0",
    "gzip": b"\x1f\x8b",
    "bzip2": b"BZh",
    "xz": b"\xfd7zXZ",
    "zstandard": b"\x28\xb5\x2f\xfd",
    "7z": b"7z\xbc\xaf",
    "rar": b"Rar!",
    "pdf": b"%PDF-",
    "rtf": b"{\\rtf",
    "png": b"\x89PNG",
    "jpeg": b"\xff\xd8\xff",
    "gif": b"GIF8",
    "sqlite": b"SQLite format 3",
    "parquet": b"PAR1",
    "elf": b"\x7fELF",
}
_TAR: Final = slice(257, 262)
_MARKUP: Final = re.compile(r"\s*<[a-z!?/]", re.IGNORECASE)


class DecodedText:
    """An iterable of text pieces from chunks of bytes.

    Raises `FileRefused` for what is not text by its content, an undecidable encoding and a file over `max_bytes`.
    `first_bad_offset` is the byte offset of the first bad byte met so far.
    """

    def __init__(self, chunks: Iterable[bytes], *, max_bytes: int) -> None:
        self._slices = _slices(chunks, max_bytes)
        self.first_bad_offset: int | None = None

    def __iter__(self) -> Iterator[str]:
        head = b""
        while len(head) < _HEAD and (piece := next(self._slices, b"")):
            head += piece
        encoding, mark = _detect(head[:_HEAD])
        _refuse_markup(head[len(mark) : _HEAD].decode(encoding, errors="ignore"))
        errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        consumed = len(mark)
        for data in _chain(head[len(mark) :], self._slices):
            text = decoder.decode(data)
            consumed += len(data)
            self._note_bad(text, encoding, errors, end=consumed - len(decoder.getstate()[0]))
            yield text
        pending = decoder.getstate()[0]
        text = pending.decode(encoding, errors) if encoding == "utf-8" else "\udcff" * bool(pending)
        self._note_bad(text, encoding, errors, end=consumed - len(pending) + len(text.encode(encoding, errors)))
        yield text

    def _note_bad(self, text: str, encoding: str, errors: str, *, end: int) -> None:
        if self.first_bad_offset is None and (bad := BAD_CHARACTER.search(text)):
            self.first_bad_offset = end - len(text[bad.start() :].encode(encoding, errors))


def _slices(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise FileRefused("too_large", f"the file is over {max_bytes:,} bytes: split it", status=413)
        for start in range(0, len(chunk), _SLICE):
            yield chunk[start : start + _SLICE]


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _detect(head: bytes) -> tuple[str, bytes]:
    """The codec and the byte order mark to skip."""
    for kind, magic in _MAGIC.items():
        if head.startswith(magic):
            raise FileRefused("not_text", f"this is a {kind} file: export it as CSV", status=415)
    if head[_TAR] == b"ustar":
        raise FileRefused("not_text", "this is a tar file: import the CSV inside", status=415)
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise FileRefused("undecidable_encoding", _UNDECIDABLE, byte_offset=0)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8", codecs.BOM_UTF8
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le", codecs.BOM_UTF16_LE
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be", codecs.BOM_UTF16_BE
    if _is_half_nul(head[::2]) != _is_half_nul(head[1::2]):
        raise FileRefused("undecidable_encoding", _UNDECIDABLE, byte_offset=head.index(0))
    return "utf-8", b""


def _is_half_nul(octets: bytes) -> bool:
    """Every second byte NUL is UTF-16 without its mark."""
    return octets.count(0) * 2 > len(octets)


def _refuse_markup(head: str) -> None:
    if _MARKUP.match(head):
        raise FileRefused("not_text", "this is an HTML or XML page: export it as CSV", status=415)
