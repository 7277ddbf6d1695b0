"""What single cells tell: placeholders for nothing, numbers in other columns, and what may be shown of them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SHOWN_AT_MOST: Final = 60
DIGITS_SHOWN: Final = 2

# Errors of spreadsheets and the words that programs write for nothing. "Nan" and "Nil" are people's names.
_PLACEHOLDERS: Final = frozenset(
    {
        *("#n/a", "#ref!", "#value!", "#name?", "#null!", "#div/0!", "#num!", "#spill!", "#calc!", "#field!"),
        *("#blocked!", "#error!", "#connect!", "#getting_data", "#unknown!", "######"),
        *("n/a", "n.a.", "n/a.", "<na>", "null", "(null)", "none", "(none)", "undefined", "(blank)", "[blank]"),
        *("-", "--", "---", "–", "—", ".", "..", "?", "??", "_", "/", "\\n", "\\\\n"),
    }
)
_NOT_NUMBERS: Final = frozenset({"NaN", "nan", "NAN", "NA", "#NA"})
_LONGEST_PLACEHOLDER: Final = 14

_LIKE_A_PHONE: Final = re.compile(r"(?:\+?1[ .-]?)?\(?[2-9][0-9]{2}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}(?:\.0)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a row is wrong: the column by its name in the file, and what stood there, as far as it may be shown."""

    column: str | None
    value: str | None


class UnreadPhones:
    """Counts what looks like phone numbers in columns that are kept as fields, or not read at all.

    `names` are those columns' places and names.
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names
        self._filled: Counter[int] = Counter()
        self._like: Counter[int] = Counter()

    def look_at(self, cells: Sequence[str]) -> None:
        for index in self._names:
            if index < len(cells) and (cell := cells[index].strip()):
                self._filled[index] += 1
                self._like[index] += _LIKE_A_PHONE.fullmatch(cell) is not None

    @property
    def found(self) -> list[str]:
        """The columns in which half of what stands there, or more, looks like phone numbers."""
        return [name for index, name in self._names.items() if 0 < self._filled[index] <= 2 * self._like[index]]


def is_placeholder(text: str) -> bool:
    """Whether a cell says that there is nothing: it would be texted as a name otherwise."""
    return len(text) <= _LONGEST_PLACEHOLDER and (text in _NOT_NUMBERS or text.lower() in _PLACEHOLDERS)


def shown(cell: str) -> str:
    """A cell on one line, cut, and what is invisible in it made visible."""
    visible = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in cell[:SHOWN_AT_MOST]
    )
    return visible + "…" * (len(cell) > SHOWN_AT_MOST)


def masked(cell: str) -> str:
    """What stood in place of a number, its digits hidden but for the last two: it may still be somebody's."""
    text = shown(cell)
    hidden = max(0, sum(map(str.isdecimal, text)) - DIGITS_SHOWN)
    return re.sub(r"\d", "•", text, count=hidden) if hidden else text
