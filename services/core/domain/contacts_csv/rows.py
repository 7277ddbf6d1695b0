"""From records to contacts: each row is readable, or refused for one reason."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from services.core.domain.contacts_csv.cells import Fault, UnreadPhones, is_placeholder, masked, shown
from services.core.domain.contacts_csv.encoding import DecodedText
from services.core.domain.contacts_csv.header import Columns, name_columns, read_table
from services.core.domain.contacts_csv.names import KNOWN_COLUMNS, OPTED_OUT, PHONE, name_key
from services.core.domain.contacts_csv.records import (
    MAXIMUM_CELL,
    MAXIMUM_COLUMNS,
    Record,
    has_bad_bytes,
    split_lines,
)
from services.core.domain.contacts_csv.refusal import FileRefused
from services.core.domain.phone_numbers import NumberRejection, PhoneNumber
from services.core.domain.segments import normalise_text
from services.core.domain.zones import valid_zone

MAXIMUM_PERSON_NAME: Final = 200
PLACEHOLDER_IGNORED: Final = "placeholder_ignored"
ROWS_LOOKED_AT: Final = 1000
"""In so many rows, and in those without a number, other columns are looked at for numbers."""

_YES: Final = frozenset({"yes", "true", "1", "y", "x"})
_TICKS: Final = frozenset("✓✔☑✅🗸🗹")
_NO: Final = frozenset({"no", "false", "0", "n", ""})
# Of the names of opt-out columns those that mean nothing else where they are a value: "stopped" may be a job.
_OPTED_OUT: Final = frozenset(
    {
        "optedout",
        "optout",
        "unsubscribed",
        "unsubscribe",
        "donotcontact",
        "donottext",
        "donotcall",
        "donotdisturb",
        "dnc",
    }
)
_LIKE_OPTED_OUT: Final = re.compile(r"\W*(?:opt|uns|u\W|do|d\W|dnc|o\W)", re.IGNORECASE)
LONGEST_MARK: Final = 40

_PERSON_NAMES: Final = ("first_name", "last_name")
ParseNumber = Callable[[str], PhoneNumber | NumberRejection]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRow:
    """One row of the file: a contact, or why it is refused.

    `line` is the physical line, from 1, on which the row starts. A refused row keeps its number if that was readable,
    and its opt-out mark: the opt-out counts all the same; `fault` says where. Texts are trimmed, NFC, with LF; blank
    ones are None, or not in `fields`, which are the columns that are not ours, by their name in lower case with
    underscores.
    """

    line: int
    e164: str | None
    first_name: str | None = None
    last_name: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    timezone: str | None = None
    external_id: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    opted_out: bool = False
    rejection: str | None = None
    fault: Fault | None = field(default=None, compare=False)
    warnings: tuple[str, ...] = ()


class ContactFile:
    """The rows of a CSV file, to be read once from the first to the last, and what was found out about its columns.

    Rows come while the file is read, but `FileRefused` may still come with the last byte (an open quote, bad bytes in
    half of the rows or more, no row at all): consume to the end in one transaction before any row counts. `columns` is
    there with the first row, `unread_phones` with the last.
    """

    def __init__(
        self, chunks: Iterable[bytes], parse_number: ParseNumber, own_columns: Mapping[str, str], max_bytes: int
    ) -> None:
        self._text = DecodedText(chunks, max_bytes=max_bytes)
        self._parse_number = parse_number
        self._own_columns = own_columns
        self._phones: UnreadPhones | None = None
        self.columns: Columns | None = None

    @property
    def unread_phones(self) -> list[str]:
        """The columns that hold phone numbers and are not the phone column, by their names in the file."""
        return self._phones.found if self._phones is not None else []

    @property
    def meanings(self) -> list[tuple[str, str]]:
        """Each column's name in the file with what it is read as: a known name, `field NAME`, or `nothing`."""
        if self.columns is None:
            return []
        own = set(self._own_columns.values())
        return [
            (written, "nothing" if name is None else name if name in KNOWN_COLUMNS | own else f"field {name}")
            for written, name in zip(self.columns.written, self.columns.names, strict=True)
        ]

    def __iter__(self) -> Iterator[ContactRow]:
        header, records = read_table(split_lines(self._text))
        self.columns = columns = name_columns(header, self._own_columns)
        if header.has_bad_bytes:
            detail = "the encoding of the header is not clear: save the file as CSV UTF-8"
            raise FileRefused("undecidable_encoding", detail, line=header.line, byte_offset=self._text.first_bad_offset)
        self._phones = phones = UnreadPhones(
            {index: columns.written[index] for index, name in enumerate(columns.names) if name not in KNOWN_COLUMNS}
        )
        reader = _RowReader(columns, self._parse_number, literal=frozenset(self._own_columns.values()))
        rows = bad_rows = 0
        first_bad_line: int | None = None
        for record in records:
            rows += 1
            if record.has_bad_bytes:
                bad_rows += 1
                first_bad_line = first_bad_line or record.line
            row = reader.read(record)
            if rows <= ROWS_LOOKED_AT or row.e164 is None:
                phones.look_at(record.cells)
            yield row
        if not rows:
            raise FileRefused("no_rows", "the file has a header and no row below it")
        if bad_rows * 2 >= rows:
            detail = f"{bad_rows} of {rows} rows have bytes that are no text: save the file as CSV UTF-8"
            raise FileRefused("bad_bytes", detail, line=first_bad_line, byte_offset=self._text.first_bad_offset)


def read_contacts(
    chunks: Iterable[bytes],
    *,
    parse_number: ParseNumber,
    own_columns: Mapping[str, str] | None = None,
    max_bytes: int = 1 << 30,
) -> ContactFile:
    """Read contacts from the bytes of a CSV file, cut anywhere, in bounded memory.

    `own_columns` are names that the caller knows besides a contact's, with their names in `fields`.
    """
    return ContactFile(chunks, parse_number, own_columns or {}, max_bytes)


def read_mark(cell: str) -> bool | None:
    """Whether a cell says yes, in any disguise, or plainly no; None for what says neither."""
    if name_key(cell) in _YES or not _TICKS.isdisjoint(cell):
        return True
    return False if "".join(unicodedata.normalize("NFKC", cell).casefold().split()) in _NO else None


def says_opted_out(cell: str) -> bool:
    """Whether a cell of any other column says in so many words that the person is not to be texted."""
    if len(cell) > LONGEST_MARK or (cell.isascii() and _LIKE_OPTED_OUT.match(cell) is None):
        return False
    return name_key(cell) in _OPTED_OUT


class _RowReader:
    """Reads one record after the other; in the columns `literal` a placeholder is what it is, not an empty cell."""

    def __init__(self, columns: Columns, parse_number: ParseNumber, *, literal: frozenset[str]) -> None:
        self._literal = literal
        self._columns = columns
        self._names = columns.names
        self._phone = self._names.index(PHONE)
        self._mark = columns.index(OPTED_OUT)
        self._own = [index for index, name in enumerate(self._names) if name not in KNOWN_COLUMNS | literal]
        self._person_names = [index for name in _PERSON_NAMES if (index := columns.index(name)) is not None]
        self._parse_number = parse_number

    def read(self, record: Record) -> ContactRow:
        number = self._number(record)
        mark = self._is_marked(record)
        refused = self._refusal(record, number, mark)
        if refused is not None or not isinstance(number, PhoneNumber):
            e164 = number.e164 if isinstance(number, PhoneNumber) else None
            reason, fault = refused or (str(number), None)
            return ContactRow(line=record.line, e164=e164, opted_out=mark is True, rejection=reason, fault=fault)
        texts = {name: text for name, cell in zip(self._names, record.cells, strict=True) if (text := _clean(cell))}
        empty = [name for name, text in texts.items() if name not in self._literal and is_placeholder(text)]
        for name in empty:
            del texts[name]
        warnings = [PLACEHOLDER_IGNORED] * bool(empty)
        return _contact(record.line, number, texts, opted_out=mark is True, warnings=warnings)

    def _refusal(
        self, record: Record, number: PhoneNumber | NumberRejection, mark: bool | None
    ) -> tuple[str, Fault] | None:
        """The first thing that is wrong with the row, and where."""
        cells, names = record.cells, self._columns.written
        if record.has_bad_bytes:
            bad = [index for index, cell in enumerate(cells[: len(names)]) if has_bad_bytes(cell)]
            return "bad_bytes", Fault(names[bad[0]] if bad else None, None)
        if len(cells) != len(names):
            return "ragged", Fault(None, f"{len(cells)} cells, {len(names)} columns")
        for index, most in self._longest(record):
            if len(cells[index]) > most:
                return "field_too_long", Fault(names[index], f"over {most:,} characters")
        if not isinstance(number, PhoneNumber):
            return str(number), Fault(names[self._phone], masked(cells[self._phone]))
        if mark is None and self._mark is not None:
            return "bad_opt_out_mark", Fault(names[self._mark], shown(cells[self._mark]))
        for index in self._own:
            if says_opted_out(cells[index]):
                return "bad_opt_out_mark", Fault(names[index], shown(cells[index]))
        return None

    def _longest(self, record: Record) -> Iterator[tuple[int, int]]:
        if max(map(len, record.cells)) > MAXIMUM_CELL:
            yield from ((index, MAXIMUM_CELL) for index in range(len(record.cells)))
        yield from ((index, MAXIMUM_PERSON_NAME) for index in self._person_names)

    def _number(self, record: Record) -> PhoneNumber | NumberRejection:
        readings = [self._parse_number(cell) for cell in self._candidates(record, self._phone)]
        numbers = (reading for reading in readings if isinstance(reading, PhoneNumber))
        return next(numbers, readings[0] if readings else NumberRejection.MISSING)

    def _is_marked(self, record: Record) -> bool | None:
        """Whether the row is marked as opted out; None for a mark that says neither."""
        if self._mark is None:
            return False
        marks = [read_mark(cell) for cell in self._candidates(record, self._mark)]
        if True in marks:
            return True
        return None if None in marks else False

    def _candidates(self, record: Record, index: int) -> list[str]:
        """The column's readable cell; in a ragged row it may have moved, so also counted from the right.

        A refused row must not lose an opt-out, and suppressing one number too many harms nobody.
        """
        cells = record.cells
        places = [index]
        if len(cells) != len(self._names) and len(cells) <= MAXIMUM_COLUMNS:
            places.append(index + len(cells) - len(self._names))
        found = [cells[place] for place in places if 0 <= place < len(cells)]
        return [cell for cell in found if len(cell) <= MAXIMUM_CELL and not has_bad_bytes(cell)]


def _contact(
    line: int, number: PhoneNumber, texts: dict[str | None, str], *, opted_out: bool, warnings: list[str]
) -> ContactRow:
    warnings = ["extension_dropped"] * number.extension_dropped + warnings
    if texts.pop(None, None):
        warnings.append("unnamed_column_ignored")
    if "timezone" in texts and not valid_zone(texts["timezone"]):
        warnings.append("timezone_ignored")
        del texts["timezone"]
    return ContactRow(
        line=line,
        e164=number.e164,
        first_name=texts.get("first_name"),
        last_name=texts.get("last_name"),
        city=texts.get("city"),
        state=texts.get("state"),
        zip=texts.get("zip"),
        timezone=texts.get("timezone"),
        external_id=texts.get("external_id"),
        fields={name: text for name, text in texts.items() if name is not None and name not in KNOWN_COLUMNS},
        opted_out=opted_out,
        warnings=tuple(warnings),
    )


def _clean(cell: str) -> str:
    return cell.strip() if cell.isascii() else normalise_text(cell).strip()  # line ends are LF already
