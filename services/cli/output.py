"""What a command prints: tables for people, one JSON document for programs; nothing in the data steers a terminal."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from io import StringIO
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from rich.table import Table

PIPED_WIDTH = 500
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
    width = os.get_terminal_size(sys.stdout.fileno()).columns if is_terminal else PIPED_WIDTH
    console = Console(file=page, force_terminal=is_terminal, width=width or PIPED_WIDTH, highlight=False)
    for part in show(result, zone):
        console.print(part)
    lines = (line.rstrip() for line in page.getvalue().splitlines())
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def listing(*columns: str) -> Show:
    """Shows a page as a table with these fields, and says how to see what follows."""

    def show(page: Any, zone: ZoneInfo) -> Sequence[Any]:
        more = [f"more: --after {page.next}"] if page.next is not None else []
        return [rows_table(page.items, columns, zone), *more]

    return show


def record(result: Any, zone: ZoneInfo) -> Sequence[Any]:
    """Shows one thing, a line for each of its fields."""
    return [lines_of({field.name: getattr(result, field.name) for field in fields(result)}, zone)]


def lines_of(values: Mapping[str, object], zone: ZoneInfo) -> "Table":
    """A line for each name and its value."""
    from rich.table import Table

    grid = Table(show_header=False, box=None, pad_edge=False)
    for name, value in values.items():
        grid.add_row(plain(name.replace("_", " ")), cell(value, zone))
    return grid


def rows_table(items: Sequence[object], columns: Sequence[str], zone: ZoneInfo) -> "Table":
    """A table of the items' fields."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(*(name.replace("_", " ") for name in columns), box=SIMPLE_HEAD, pad_edge=False)
    for item in items:
        table.add_row(*(cell(getattr(item, name), zone) for name in columns))
    return table


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
        case _ if is_dataclass(value):
            return ", ".join(f"{field.name} {_words(getattr(value, field.name), zone)}" for field in fields(value))
        case _:
            return str(value)
