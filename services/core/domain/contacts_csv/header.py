"""The header: the first line that isn't blank decides the delimiter and what each column means."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from services.core.domain.contacts_csv.cells import shown
from services.core.domain.contacts_csv.names import (
    KNOWN_COLUMNS,
    OPTED_OUT,
    PHONE,
    PHONE_NAMES,
    UNREADABLE,
    Doubt,
    name_key,
    read_name,
)
from services.core.domain.contacts_csv.records import (
    MAXIMUM_COLUMNS,
    Piece,
    Record,
    read_records,
)
from services.core.domain.contacts_csv.refusal import FileRefused
from services.core.domain.templates import field_key

MAXIMUM_NAME: Final = 200

_DELIMITERS: Final = (",", ";", "\t", "|")

_PHONE_KEYS: Final = frozenset(map(name_key, PHONE_NAMES))
_HEADER_LIMIT: Final = MAXIMUM_COLUMNS * (MAXIMUM_NAME + 3)
_SEPARATOR_LINE: Final = re.compile("[\ufeff\"' ]*sep *=", re.IGNORECASE)
_CONTROL: Final = re.compile("[\0-\x08\x0e-\x1f\x7f]")
_NAMED_AT_MOST: Final = 5


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column is called; `None` for one without a name. Known columns have their own spelling.

    `written` are the names as they stand in the file, fit to be shown.
    """

    names: tuple[str | None, ...]
    written: tuple[str, ...]

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


def name_columns(header: Record, own: Mapping[str, str]) -> Columns:
    """Name the columns of a header; `own` are names known besides a contact's, with what each means.

    Raises `FileRefused` for a header that leaves open what they mean.
    """
    if len(header.cells) > MAXIMUM_COLUMNS:
        detail = f"the file has over {MAXIMUM_COLUMNS:,} columns: keep those you need"
        raise FileRefused("too_many_columns", detail, line=header.line)
    if any(len(cell) > MAXIMUM_NAME for cell in header.cells):
        detail = f"a column's name is over {MAXIMUM_NAME} characters; is a quote open?"
        raise FileRefused("header_too_long", detail, line=header.line)
    if any(_CONTROL.search(cell) for cell in header.cells):
        detail = "the header has control characters: this is no CSV file"
        raise FileRefused("not_text", detail, status=415, line=header.line)
    readings = [read_name(cell, own) for cell in header.cells]
    _refuse_doubts(header, readings)
    names = tuple(None if isinstance(reading, Doubt) else reading for reading in readings)
    _refuse_duplicates(header, [name for name in names if name is not None])
    if PHONE not in names:
        detail = "no column is called phone (or mobile, cell, number, phone_number): name it in the first line"
        raise FileRefused("no_phone_column", detail, line=header.line)
    return Columns(names, tuple(shown(cell) for cell in header.cells))


def _refuse_doubts(header: Record, readings: list[str | Doubt | None]) -> None:
    doubts = [
        f'column {position}, "{shown(cell)}", {_remedy(reading)}'
        for position, (cell, reading) in enumerate(zip(header.cells, readings, strict=True), 1)
        if isinstance(reading, Doubt)
    ]
    if doubts:
        more = [f"and {len(doubts) - _NAMED_AT_MOST} more"] * (len(doubts) > _NAMED_AT_MOST)
        raise FileRefused("doubtful_column", "; ".join([*doubts[:_NAMED_AT_MOST], *more]), line=header.line)


def _remedy(doubt: Doubt) -> str:
    if doubt.meaning == UNREADABLE:
        return "has a name that can't be read: rename or remove it"
    if doubt.meaning == OPTED_OUT:
        return "may say who is not to be texted: say it in a column opted_out, yes or no in each row, and remove this"
    return f"may mean {doubt.meaning}: call it {doubt.meaning}, or give it a name that can't be taken for it"


def _refuse_duplicates(header: Record, names: list[str]) -> None:
    for known in sorted(KNOWN_COLUMNS):
        if names.count(known) > 1:
            written = PHONE_NAMES if known == PHONE else (known,)
            detail = f"two columns mean {known}: keep one, called {' or '.join(written)}"
            raise FileRefused("duplicate_headers", detail, line=header.line)
    if len({field_key(name) for name in names}) < len(names):
        detail = "two columns have the same name (case, spaces and underscores don't count): rename or remove one"
        raise FileRefused("duplicate_headers", detail, line=header.line)


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
            any(name_key(cell) in _PHONE_KEYS for cell in readings[delimiter]),
            len(readings[delimiter]),
        ),
    )


def _first_row(held: list[Piece], delimiter: str) -> list[str]:
    try:
        return next(read_records([*held, ("", True)], delimiter)).cells
    except (FileRefused, StopIteration):
        return []
