"""What a command prints: tables for people, one JSON document for programs; nothing in the data steers a terminal."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from io import StringIO
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from services.core.domain.glossary import in_words

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from services.core.views.values import View

PIPED_WIDTH = 500
OLD_PHONE = "e164"
CODED = frozenset({"reason", "excluded", "deferred", "suppressed_reason", "refused_because", "stopped_because"})
"""Fields whose values are codes."""
BETWEEN_COLUMNS = 3
LONGEST_WHOLE = 24
"""A cell of at most so many characters, such as a number or an instant, is never folded."""
Show = Callable[[Any, ZoneInfo], Sequence[Any]]
"""From a verb's result, and the zone to show times in, to what rich prints."""


def write_json(result: object) -> None:
    """One document: the keys are the fields' names, times and durations are ISO 8601, amounts are texts."""
    import json

    from pydantic_core import to_jsonable_python

    sys.stdout.write(json.dumps(to_jsonable_python(result), indent=2) + "\n")
    sys.stdout.flush()


def write_shown(result: object, *, show: Show, zone: ZoneInfo) -> None:
    """For people; on a pipe the lines are not cut to a screen's width."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    page = StringIO()
    console = Console(file=page, force_terminal=is_terminal, width=_width(is_terminal=is_terminal), highlight=False)
    for part in show(result, zone):
        console.print(part)
    lines = (line.rstrip() for line in page.getvalue().splitlines())
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _width(*, is_terminal: bool) -> int:
    """How many characters a line has: as COLUMNS says, else the terminal's own, else any number."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    return (os.get_terminal_size(sys.stdout.fileno()).columns if is_terminal else 0) or PIPED_WIDTH


def listing(*columns: str) -> Show:
    """Shows a page as a table with these fields, and says how to see what follows."""

    def show(page: Any, zone: ZoneInfo) -> Sequence[Any]:
        more = [f"more: --after {page.next}"] if page.next is not None else []
        return [rows_table(page.items, columns, zone), *more]

    return show


def record(result: "View", zone: ZoneInfo) -> Sequence[Any]:
    """Shows one thing, a line for each of its fields."""
    return [lines_of(values_of(result), zone)]


def values_of(item: "View") -> dict[str, Any]:
    """A view's fields by name, as Python's values: what tells the thing apart, and then whose number it is."""
    names = [*type(item).model_fields]
    if names[0] == OLD_PHONE:
        names.insert(1, names.pop(0))
    return {name: getattr(item, name) for name in names}


def lines_of(values: Mapping[str, object], zone: ZoneInfo) -> "Table":
    """A line for each name and its value."""
    from rich.table import Table

    grid = Table(show_header=False, box=None, pad_edge=False)
    for name, value in values.items():
        grid.add_row(label(name), cell(readable(name, value), zone))
    return grid


def rows_table(items: Sequence[object], columns: Sequence[str], zone: ZoneInfo) -> "Rows":
    """A table of the items' fields."""
    rows = [[readable(name, getattr(item, name)) for name in columns] for item in items]
    return Rows(columns, rows, zone)


def readable(name: str, value: object) -> object:
    """The value of a field for people: codes of reasons in words."""
    if name not in CODED:
        return value
    if isinstance(value, Mapping):
        return {in_words(str(code)): count for code, count in value.items()}
    return in_words(value) if isinstance(value, str) else value


class Rows:
    """A table where it fits, else each row as lines of names and values: neither a number nor a word is ever cut."""

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[object]], zone: ZoneInfo) -> None:
        self._heads = [label(name) for name in columns]
        self._cells = [[cell(value, zone) for value in row] for row in rows]

    def __rich_console__(self, _console: Any, options: Any) -> Iterator[Any]:
        if not self._cells:
            yield "none"
        elif self._least_width() <= options.max_width:
            yield self._table()
        else:
            yield from self._records()

    def _least_width(self) -> int:
        """How narrow the table can be: columns of words fold between them, all others stay whole."""
        return sum(max(map(_least_width, column)) for column in self._columns()) + BETWEEN_COLUMNS * len(self._heads)

    def _columns(self) -> Iterator[Sequence["Text"]]:
        from rich.text import Text

        for index, head in enumerate(self._heads):
            yield [Text(head), *(row[index] for row in self._cells)]

    def _table(self) -> "Table":
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for head, column in zip(self._heads, self._columns(), strict=True):
            table.add_column(head, min_width=max(map(_least_width, column)))
        for row in self._cells:
            table.add_row(*row)
        return table

    def _records(self) -> Iterator[Any]:
        from rich.table import Table

        for number, row in enumerate(self._cells):
            grid = Table(show_header=False, box=None, pad_edge=False)
            for head, value in zip(self._heads, row, strict=True):
                if value.plain:
                    grid.add_row(head, value)
            if number:
                yield ""
            yield grid


def _least_width(text: "Text") -> int:
    from rich.cells import cell_len

    words = text.plain.split(" ") if len(text.plain) > LONGEST_WHOLE else [text.plain]
    return max(map(cell_len, words))


def label(name: str) -> str:
    """A field's name as people read it."""
    return "phone" if name == OLD_PHONE else plain(name.replace("_", " "))


def cell(value: object, zone: ZoneInfo) -> Any:
    """A value as text that rich takes literally."""
    from rich.text import Text

    return Text(plain(_words(value, zone)), overflow="fold")


def plain(text: str) -> str:
    """The text without control characters, so that data can neither move the cursor nor reverse the reading."""
    return "".join(character if character.isprintable() else " " for character in text)


def _words(value: object, zone: ZoneInfo) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
        case timedelta():
            return str(value - value % timedelta(seconds=1))
        case float():
            return f"{value:.2f}"
        case Enum():
            return str(value.value)
        case Mapping():
            return ", ".join(f"{key} {_words(entry, zone)}" for key, entry in value.items())
        case list() | tuple() | frozenset():
            return ", ".join(_words(entry, zone) for entry in value)
        case _ if hasattr(type(value), "model_fields"):
            return ", ".join(f"{name} {_words(entry, zone)}" for name, entry in values_of(cast("View", value)).items())
        case _:
            return str(value)
