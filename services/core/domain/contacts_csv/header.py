"""The header: the first line that isn't blank decides the delimiter and what each column means."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from services.core.domain.contacts_csv.records import (
    MAXIMUM_COLUMNS,
    Piece,
    Record,
    read_records,
)
from services.core.domain.contacts_csv.refusal import FileRefused
from services.core.domain.templates import field_key

PHONE: Final = "phone"
MAXIMUM_NAME: Final = 200

_DELIMITERS: Final = (",", ";", "\t", "|")
_PHONE_NAMES: Final = ("phone", "mobile", "cell", "number", "phone_number")
KNOWN_COLUMNS: Final = frozenset(
    {PHONE, "first_name", "last_name", "city", "state", "zip", "timezone", "external_id", "opted_out"}
)
_COLUMN_NAMES: Final = {field_key(name): name for name in KNOWN_COLUMNS} | {
    field_key(name): PHONE for name in _PHONE_NAMES
}

_HEADER_LIMIT: Final = MAXIMUM_COLUMNS * (MAXIMUM_NAME + 3)
_SEPARATOR_LINE: Final = re.compile("[\ufeff\"' ]*sep *=", re.IGNORECASE)
_CONTROL: Final = re.compile("[\0-\x08\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column is called; `None` for one without a name. Known columns have their own spelling."""

    names: tuple[str | None, ...]

    def index(self, name: str) -> int | None:
        return self.names.index(name) if name in self.names else None


def read_table(pieces: Iterator[Piece]) -> tuple[Record, Iterator[Record]]:
    """Find the delimiter and return the header and the records that follow.

    Raises `FileRefused` for a file that does not begin with a header.
    """
    held, first_line = _hold_header(pieces)
    _check_first_line(held[0][0], first_line)
    delimiter = _choose_delimiter(held, first_line)
    records = read_records(chain(held, pieces), delimiter, first_line=first_line)
    return next(records), records


def name_columns(header: Record) -> Columns:
    """Name the columns of a header. Raises `FileRefused` for one that leaves open what they mean."""
    if len(header.cells) > MAXIMUM_COLUMNS:
        detail = f"the file has over {MAXIMUM_COLUMNS:,} columns: keep those you need"
        raise FileRefused("too_many_columns", detail, line=header.line)
    if any(len(cell) > MAXIMUM_NAME for cell in header.cells):
        detail = f"a column's name is over {MAXIMUM_NAME} characters; is a quote open?"
        raise FileRefused("header_too_long", detail, line=header.line)
    if any(_CONTROL.search(cell) for cell in header.cells):
        detail = "the header has control characters: this is no CSV file"
        raise FileRefused("not_text", detail, status=415, line=header.line)
    names = tuple(_name_column(cell) for cell in header.cells)
    keys = [field_key(name) for name in names if name is not None]
    if len(set(keys)) < len(keys):
        detail = "two columns have the same name (case, spaces and underscores don't count): rename or remove one"
        if names.count(PHONE) > 1:
            detail = f"two columns mean the phone number: keep one of {', '.join(_PHONE_NAMES)}"
        raise FileRefused("duplicate_headers", detail, line=header.line)
    if PHONE not in names:
        detail = "no column is called phone (or mobile, cell, number, phone_number): name it in the first line"
        raise FileRefused("no_phone_column", detail, line=header.line)
    return Columns(names)


def _hold_header(pieces: Iterator[Piece]) -> tuple[list[Piece], int]:
    """The pieces of the header, more if a quote may be open, and the line it begins on."""
    held: list[Piece] = []
    first_line = 1
    size = quotes = 0
    for text, ends in pieces:
        if not held and (not text or text.isspace()):
            first_line += ends
            continue
        held.append((text, ends))
        size += len(text)
        quotes += text.count('"')
        if (ends and quotes % 2 == 0) or size > _HEADER_LIMIT:
            break
    if not held:
        raise FileRefused("no_rows", "the file is empty: it needs a header and rows")
    return held, first_line


def _check_first_line(text: str, line: int) -> None:
    if _SEPARATOR_LINE.match(text):
        raise FileRefused("sep_line", "the file begins with sep=: delete this line, the header decides", line=line)
    if text.startswith("#"):
        raise FileRefused("comment_line", "the file begins with a # line: the header must come first", line=line)


def _choose_delimiter(held: list[Piece], line: int) -> str:
    """The delimiter that shows a phone column, then the one with most columns."""
    readings = {delimiter: _first_row(held, delimiter) for delimiter in _DELIMITERS}
    if not any(readings.values()):
        detail = "a quote opened in the header is never closed: close it, or remove it"
        raise FileRefused("unclosed_quote", detail, line=line)
    return max(
        _DELIMITERS,
        key=lambda delimiter: (
            any(_COLUMN_NAMES.get(field_key(cell)) == PHONE for cell in readings[delimiter]),
            len(readings[delimiter]),
        ),
    )


def _first_row(held: list[Piece], delimiter: str) -> list[str]:
    try:
        return next(read_records([*held, ("", True)], delimiter)).cells
    except (FileRefused, StopIteration):
        return []


def _name_column(cell: str) -> str | None:
    key = field_key(cell)
    if not key:
        return None
    return _COLUMN_NAMES.get(key) or "_".join(unicodedata.normalize("NFC", cell).lower().split())
