"""Texts from anywhere, made so that PostgreSQL can hold them and a person can still see what they were.

NUL and half of a surrogate pair exist in JSON and in no database: they are written as their escapes. A record of a
failure goes through here, so that what was wrong with the data can't be wrong with its record as well.
"""

from collections.abc import Sequence

LONGEST_TEXT = 1000
MOST_ARGUMENTS = 1000


def storable_text(text: str, *, longest: int = LONGEST_TEXT) -> str:
    """The text with what can't be stored escaped, cut after `longest` characters."""
    return text[:longest].encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")[:longest]


def storable_arguments(arguments: Sequence[object]) -> list[str]:
    """A task's arguments as texts; of a list that is far too long only the beginning, with its length."""
    shown = [storable_text(each if isinstance(each, str) else repr(each)) for each in arguments[:MOST_ARGUMENTS]]
    return shown if len(arguments) <= MOST_ARGUMENTS else [*shown, f"... {len(arguments)} in all"]
