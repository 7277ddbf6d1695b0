"""What a column's name means: one of ours however it is written, one that only resembles ours, or the file's own.

A name in disguise must not become a field of its own: the column that says who is not to be texted would then be lost
in silence. So a name is folded as texts are (case, blanks, signs, width, accents, look-alikes, invisible signs), and
when it is no known name then but has the words of one, or is one slip away from one, it is in doubt.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, Final

from services.core.domain.failures import RefusedInput
from services.core.domain.text_folding import fold_characters

PHONE: Final = "phone"
OPTED_OUT: Final = "opted_out"
UNREADABLE: Final = "unreadable"

PHONE_NAMES: Final = (PHONE, "mobile", "cell", "number", "phone_number")
KNOWN_COLUMNS: Final = frozenset(
    {PHONE, "first_name", "last_name", "city", "state", "zip", "timezone", "external_id", OPTED_OUT}
)

# Facts that decide when a person may be texted: their word inside a longer name is in doubt too.
_LEGAL_FACTS: Final = {"state": "state", "states": "state", "timezone": "timezone", "time zone": "timezone"}

# Short names are one slip away from too many words of their own.
_SHORTEST_WITH_A_SLIP: Final = 7
_SHORTEST_OF_OPTING_OUT: Final = 6
_SHORTEST_WITH_TWO: Final = 10
_LONGEST_WITH_A_SLIP: Final = 14
_WORDS_AT_ONCE: Final = 3

_WORD: Final = re.compile(r"[^\W_]+")
_WORD_OR_DIGITS: Final = re.compile(r"[^\W\d_]+|\d+")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LEET: Final = tuple(str.maketrans(f"0{one}34578$@!", f"o{letter}eastbsai") for one, letter in ("1i", "1l"))
_NOTHING: Final[Mapping[str, str]] = {}
_UNMIXED: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL"})


@dataclass(frozen=True, slots=True)
class Doubt:
    """The name may mean the known column `meaning`, or can't be read (`UNREADABLE`)."""

    meaning: str


def read_name(cell: str, own: Mapping[str, str] = _NOTHING) -> str | Doubt | None:
    """What a column with this name is: a known name in our spelling, the file's own name, a doubt, None for none.

    `own` are names known besides `KNOWN_COLUMNS`, with what each means. The file's own names are in lower case with
    underscores.
    """
    visible = "".join(letter for letter in unicodedata.normalize("NFC", cell) if unicodedata.category(letter) != "Cf")
    if not visible.strip():
        return None
    names = _NAMES | {name_key(name): meaning for name, meaning in own.items()}
    key = name_key(cell)
    if key in names:
        return names[key]
    return _doubt(visible, key, names) or "_".join(visible.lower().split())


def own_field(name: str, *, pointer: str) -> str:
    """A field's name as the reader writes it, or a text would look for another. Raises `RefusedInput`.

    `pointer` is where in the request it stands.
    """
    read = read_name(name)
    if isinstance(read, str) and read not in KNOWN_COLUMNS:
        return read
    detail = f"{name!r} is no name for a field of your own: it means, or may mean, something that we know otherwise"
    raise RefusedInput("field_refused", detail, pointer=pointer)


def name_key(name: str) -> str:
    """What all spellings of a name share: its letters and digits, folded."""
    return "".join(_WORD.findall(fold_characters(name)))


def _doubt(name: str, key: str, names: Mapping[str, str]) -> Doubt | None:
    if not key or not _is_readable(name):
        return Doubt(UNREADABLE)
    if not _SIGNS.isdisjoint(name):
        return Doubt(OPTED_OUT)
    for words in _readings(name):
        joined = "".join(words)
        if joined in names and joined != key:
            return Doubt(names[joined])
        if _speaks_of_opting_out(words):
            return Doubt(OPTED_OUT)
        if meaning := _legal_fact(words) or _slip(joined, names):
            return Doubt(meaning)
    return None


def _is_readable(name: str) -> bool:
    """Whether we know words in each of its scripts, and no word mixes them as look-alikes do."""
    for word in _WORD.findall(unicodedata.normalize("NFKC", name)):
        scripts = {unicodedata.name(letter, "?").split()[0] for letter in word if letter.isalpha()}
        if not scripts <= _SCRIPTS or len(scripts - _UNMIXED) > 1:
            return False
    return True


def _readings(name: str) -> Iterator[list[str]]:
    """The folded words of a name, also with digits and signs read as the letters they stand for."""
    texts = [fold_characters(text) for text in (name, _CAMEL.sub(" ", name))]
    readings = dict.fromkeys([*texts, *(text.translate(table) for text in texts for table in _LEET)])
    return map(_WORD_OR_DIGITS.findall, readings)


def _speaks_of_opting_out(words: list[str]) -> bool:
    joined = "".join(words)
    if joined in _WHOLE or any(part in joined for part in _PARTS) or _PHRASES.search(" ".join(words)):
        return True
    return any(_slipped(run, deep=True) & _slips_of_opting_out() for run in _runs(words))


def _runs(words: list[str]) -> Iterator[str]:
    """One to three words in a row as one, where that is short enough to be a name with a slip."""
    for start in range(len(words)):
        for end in range(start + 1, min(start + _WORDS_AT_ONCE, len(words)) + 1):
            run = "".join(words[start:end])
            if _SHORTEST_OF_OPTING_OUT - 1 <= len(run) <= _LONGEST_WITH_A_SLIP:
                yield run


def _legal_fact(words: list[str]) -> str | None:
    pairs = (" ".join(pair) for pair in pairwise(words))
    return next((_LEGAL_FACTS[found] for found in (*words, *pairs) if found in _LEGAL_FACTS), None)


def _slip(key: str, names: Mapping[str, str]) -> str | None:
    """The known name that a slip made into this one."""
    if len(key) > _LONGEST_WITH_A_SLIP:
        return None
    slipped = _slipped(key)
    return next(
        (
            names[name]
            for name in sorted(names)
            if len(name) >= _SHORTEST_WITH_A_SLIP and not slipped.isdisjoint(_slipped(name))
        ),
        None,
    )


def _slipped(word: str, *, deep: bool = False) -> frozenset[str]:
    """The word and what is left of it without one letter, with `deep` without two of a long one.

    Two words whose sets meet are a letter too many, too few, another or in the wrong place apart.
    """
    most = 2 if deep and len(word) >= _SHORTEST_WITH_TWO - 1 else 1
    return frozenset(
        "".join(kept) for dropped in range(most + 1) for kept in combinations(word, max(0, len(word) - dropped))
    )


@cache
def _slips_of_opting_out() -> frozenset[str]:
    """Without one letter of the names that are long enough, without two of the long ones."""
    names = (name for name in _NAMES if _NAMES[name] == OPTED_OUT and len(name) >= _SHORTEST_OF_OPTING_OUT)
    return frozenset().union(*(_slipped(name, deep=len(name) >= _SHORTEST_WITH_TWO) for name in names))


def _phrase(words: str) -> str:
    return r"\b" + words.removesuffix("*") + ("" if words.endswith("*") else r"\b")


def _load() -> dict[str, Any]:
    path = Path(__file__).parents[1] / "data" / "column_names.json"
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


_DATA: Final = _load()
_NAMES: Final[dict[str, str]] = (
    {name_key(name): name for name in KNOWN_COLUMNS}
    | {name_key(name): PHONE for name in PHONE_NAMES}
    | {name_key(name): OPTED_OUT for name in _DATA["opted_out"]}
)
_WHOLE: Final = frozenset(_DATA["whole"])
_PARTS: Final = tuple(map(name_key, _DATA["parts"]))
_PHRASES: Final = re.compile("|".join(map(_phrase, _DATA["words"])))
_SIGNS: Final = frozenset(_DATA["signs"])
_SCRIPTS: Final = frozenset(_DATA["scripts"])
