"""From text to records: lines, quotes and delimiters, in bounded memory whatever the file holds."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from services.core.domain.contacts_csv.encoding import BAD_CHARACTER
from services.core.domain.contacts_csv.refusal import FileRefused

MAXIMUM_COLUMNS: Final = 1_000
MAXIMUM_CELL: Final = 10_000

_PIECE: Final = 1 << 16

# Blanks before an opening quote are those of a person's hand or a program's, invisible signs among them.
_BLANK: Final = r"[\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
_BLANKS: Final = re.compile(f"{_BLANK}+")
_BLANK_BEFORE_QUOTE: Final = re.compile(f'{_BLANK}"')

# A physical line, or a part of a very long one: its text and whether it ends here.
Piece = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Record:
    """The raw cells of one row; those over `MAXIMUM_CELL` characters are cut, but stay over it."""

    line: int
    cells: list[str]
    has_bad_bytes: bool


def split_lines(texts: Iterable[str]) -> Iterator[Piece]:
    """Cut text at LF, CRLF and CR; a line over 65,536 characters comes in pieces of that length."""
    tail, is_open = "", False
    for text in texts:
        joined, held = tail + text, ""
        if joined.endswith("\r"):  # its LF may be in the next text
            joined, held = joined[:-1], "\r"
        *lines, rest = joined.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines:
            *full, last = _cut(line)
            yield from ((part, False) for part in full)
            yield last, True
        *full, last = _cut(rest)
        yield from ((part, False) for part in full)
        is_open = bool(full) or (is_open and not lines)
        tail = last + held
    if tail or is_open:
        yield tail.removesuffix("\r"), True


def _cut(line: str) -> list[str]:
    return [line[start : start + _PIECE] for start in range(0, len(line), _PIECE)] or [line]


def read_records(pieces: Iterable[Piece], delimiter: str, *, first_line: int = 1) -> Iterator[Record]:
    """Read rows as spreadsheets write them; blank lines are none, and odd quoting is text.

    Blanks before an opening quote don't count.

    Raises `FileRefused` at the end when a quote is still open.
    """
    cells = _Cells(delimiter)
    line = start = first_line
    is_bad = False
    for text, ends in pieces:
        if cells.is_empty:
            start, is_bad = line, False
        is_bad = is_bad or has_bad_bytes(text)
        line += ends
        if cells.is_empty and delimiter not in text and (not text or text.isspace()):
            continue
        if ends and cells.is_empty and (whole := _split_whole_line(text, delimiter)):
            yield Record(start, whole, is_bad)
            continue
        cells.add(text)
        if cells.in_quotes:
            cells.add("\n" * ends)
        elif ends:
            yield Record(start, cells.take(), is_bad)
    if cells.in_quotes:
        detail = "a quote opened in this row is never closed: close it, or remove it"
        raise FileRefused("unclosed_quote", detail, line=start)


def _split_whole_line(line: str, delimiter: str) -> list[str] | None:
    """The fast way for nearly all rows; None where blanks may stand before a quote, or one stays open at the end."""
    if '"' not in line:
        return line.split(delimiter)
    if _BLANK_BEFORE_QUOTE.search(line):
        return None
    row = next(csv.reader([line + "\n"], delimiter=delimiter))
    return None if row[-1].endswith("\n") else row


def has_bad_bytes(text: str) -> bool:
    return "\0" in text or (not text.isascii() and BAD_CHARACTER.search(text) is not None)


class _State(Enum):
    START = auto()
    PLAIN = auto()
    QUOTED = auto()
    QUOTE_IN_QUOTED = auto()


class _Cells:
    """The cells of a row over several lines or pieces, by the rules of the standard library's reader.

    But for one: blanks before an opening quote don't count, or a quoted name would be another than the same one bare.
    """

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._tokens = re.compile(f'["{re.escape(delimiter)}]|[^"{re.escape(delimiter)}]+')
        self._reset()

    def _reset(self) -> None:
        self._cells: list[str] = []
        self._state = _State.START
        self._parts: list[str] = []
        self._size = 0
        self.is_empty = True

    @property
    def in_quotes(self) -> bool:
        return self._state is _State.QUOTED

    def add(self, text: str) -> None:
        self.is_empty = False
        if self.in_quotes and '"' not in text:
            self._append(text)
            return
        for token in self._tokens.findall(text):
            match self._state, token:
                case _State.START, '"':
                    self._state, self._parts, self._size = _State.QUOTED, [], 0
                case _State.START, _ if token != self._delimiter and _BLANKS.fullmatch(token):
                    self._append(token)
                case _State.QUOTED, '"':
                    self._state = _State.QUOTE_IN_QUOTED
                case _State.QUOTE_IN_QUOTED, '"':
                    self._state = _State.QUOTED
                    self._append(token)
                case _State.QUOTED, _:
                    self._append(token)
                case _, self._delimiter:
                    self._end_cell()
                case _:
                    self._state = _State.PLAIN
                    self._append(token)

    def take(self) -> list[str]:
        self._end_cell()
        cells = self._cells
        self._reset()
        return cells

    def _append(self, token: str) -> None:
        room = MAXIMUM_CELL + 1 - self._size
        if room > 0:
            self._parts.append(token[:room])
            self._size += len(token)

    def _end_cell(self) -> None:
        if len(self._cells) <= MAXIMUM_COLUMNS:
            self._cells.append("".join(self._parts))
        self._state, self._parts, self._size = _State.START, [], 0
