"""CSV for people: every file we write opens in a spreadsheet without a formula in it."""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

# What a spreadsheet takes for a formula (OWASP, "CSV Injection"): these signs and their full-width twins, also after
# blanks, and on inner lines for readers that cut cells at line ends; a leading tab or line end is as bad.
_FORMULA: Final = re.compile(
    r"\A(?=[\t\r\n])|(?:\A|(?<=[\r\n\v\f\x85\u2028\u2029]))"
    r"(?=[ \t\xa0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]*[=+\-@＝＋－＠])"
)

_E164: Final = re.compile(r"\+[1-9]\d{1,14}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PhoneCell:
    """A typed column: the leading + of a well-formed E.164 number survives, anything else is text."""

    e164: str


Cell = str | int | Decimal | bool | datetime | PhoneCell | None


def escape_cell(text: str) -> str:
    """Return the text with a ' before whatever a spreadsheet would run as a formula, also on inner lines."""
    return _FORMULA.sub("'", text)


def export_csv(
    header: Sequence[str], rows: Iterable[Sequence[Cell]], *, byte_order_mark: bool = False
) -> Iterator[bytes]:
    """Write UTF-8 CSV line by line (CRLF, every cell quoted), texts escaped, numbers and times as they are.

    `byte_order_mark` makes Excel read accents; other programs want none. Serve it as `text/csv` with `nosniff`.
    """
    if byte_order_mark:
        yield b"\xef\xbb\xbf"
    line = io.StringIO(newline="")
    # Quoting all also holds where the reader's delimiter is not ours: a semicolon inside a cell starts no other.
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    for row in itertools.chain([header], rows):
        writer.writerow([_written(cell) for cell in row])
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()


def _written(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case int() | Decimal():
            return str(cell)
        case datetime():
            return cell.isoformat()
        case PhoneCell(e164):
            return e164 if _E164.fullmatch(e164) else escape_cell(e164)
        case str():
            return escape_cell(cell)
