"""Reads through disguise: brings a text, however it is written, down to plain lower-case words.

Full width, look-alikes, zero width, accents, emoji, spelt-out and stretched letters all end up the same.
Each step is linear in the text; one character is folded at a time, because normalising a whole text is
quadratic in the length of a run of combining marks.
"""

import json
import re
import unicodedata
from collections.abc import Container
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"
_QUOTES: Final = frozenset('"“”„‟«»「」『』〝〞＂')
_APOSTROPHES: Final = frozenset("'‘’‚‛ʼʻ`´′＇")
_KEPT_PUNCTUATION: Final = frozenset(".!?>:-$@")
_HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
# Doubled letters are spelling ("off"), so both sides are squeezed, except words that would turn into another.
_NEVER_SQUEEZED: Final = frozenset({"stoop", "finn", "parra", "endo"})

_FLAG_LETTERS: Final = re.compile("[\U0001f1e6-\U0001f1ff](?:\\s*[\U0001f1e6-\U0001f1ff]){3,}")
_MENTION: Final = re.compile(r"(?<!\S)@(?=[a-z]{3})")
_NUMBER_SIGN: Final = re.compile(r"(?<=\s)#(?=\s|\Z)")
_SPELT_OUT: Final = re.compile(r"(?<![a-z0-9$])[a-z0-9$](?:[^\w$]{1,5}[a-z0-9$](?![a-z0-9$])){2,}")
_WORD: Final = re.compile(rf"[{_HAN}]|(?:[^\W_{_HAN}]|[$@])+")
_STRETCHED: Final = re.compile(r"([a-z])\1+")


def fold_characters(text: str) -> str:
    """Give `text` in plain lower-case characters; line breaks, quotes (as `"`) and `. ! ? > : - $ @` survive."""
    spread = text
    if not text.isascii():
        spread = _FLAG_LETTERS.sub(lambda run: f" {''.join(map(_flag_letter, run[0]))} ", spread)
    if "#" in text:
        spread = _NUMBER_SIGN.sub("number", spread)
    folded = spread.translate(_ASCII) if spread.isascii() else "".join(map(_fold_character, spread))
    return _MENTION.sub(" ", folded) if "@" in folded else folded


def join_spelt_out(folded: str, wanted: re.Pattern[str]) -> str:
    """Join single letters ("s.t.o.p", "s t o p") where together they spell a word that `wanted` finds."""

    def join(run: re.Match[str]) -> str:
        letters = "".join(re.findall(r"[a-z0-9$]", run[0]))
        spelt = wanted.search(squeeze(letters))
        if spelt is None:
            return run[0]
        squeezed = squeeze(letters)
        if spelt[0] == squeezed:
            return letters
        return f"{squeezed[: spelt.start()]} {spelt[0]} {squeezed[spelt.end() :]}"

    return _SPELT_OUT.sub(join, folded)


def read_pictures(text: str, wanted: Container[str]) -> str:
    """Read a picture that stands for one letter, in text not yet folded, where the word it makes is `wanted`."""

    def spell(word: re.Match[str]) -> str:
        spelt = f"{word['before']}{_LETTER_OF_PICTURE[word['picture']]}{word['after']}"
        return spelt if squeeze(spelt.lower()) in wanted else word[0]

    return text if text.isascii() else _PICTURE_WORD.sub(spell, text)


def split_unsqueezed(folded: str) -> list[str]:
    """Give the words of folded characters as they are written."""
    return _WORD.findall(folded)


def split_words(folded: str) -> list[str]:
    """Give the words of folded characters, stretched letters squeezed; each Han character is a word."""
    words = _WORD.findall(folded)
    return words if _STRETCHED.search(folded) is None else [squeeze(word) for word in words]


def squeeze(word: str) -> str:
    return word if word in _NEVER_SQUEEZED else _STRETCHED.sub(r"\1", word)


def _load() -> dict[str, Any]:
    path = Path(__file__).parent / "data" / "confusables.json"
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def _replacements(data: dict[str, Any]) -> dict[str, str]:
    table = {lookalike: letter for letter, lookalikes in data["letters"].items() for lookalike in lookalikes}
    for first in data["alphabets"]:
        table |= {chr(ord(first) + offset): letter for offset, letter in enumerate(_ALPHABET)}
    table |= dict.fromkeys(data["invisible"], "")
    table |= dict.fromkeys(data["sentence_ends"], ".")
    table |= dict.fromkeys(_QUOTES, '"')
    table |= dict.fromkeys(_APOSTROPHES, "")
    table |= {"æ": "ae", "œ": "oe"}
    return table


_DATA: Final = _load()
_REPLACEMENTS: Final = _replacements(_DATA)


def _flag_letter(character: str) -> str:
    position = ord(character) - ord(_DATA["regional_indicators"])
    return _ALPHABET[position] if 0 <= position < len(_ALPHABET) else ""


_LETTER_OF_PICTURE: Final = {
    picture: letter for letter, pictures in _DATA["pictures"].items() for picture in pictures
} | {chr(ord(_DATA["regional_indicators"]) + offset): letter for offset, letter in enumerate(_ALPHABET)}
_PICTURES: Final = "".join(_LETTER_OF_PICTURE)
# One picture among letters ("ST🔴P"), not one between all of them ("S🛑T🛑O🛑P").
_PICTURE_WORD: Final = re.compile(
    rf"(?<![\w{_PICTURES}])(?P<before>[A-Za-z]{{0,20}})(?P<picture>[{_PICTURES}])\ufe0f?(?P<after>[A-Za-z]{{0,20}})(?![\w{_PICTURES}])"
)


@lru_cache(maxsize=8192)
def _fold_character(character: str) -> str:
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    lowered = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(map(_plain, lowered))


def _plain(character: str) -> str:
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    if character in _KEPT_PUNCTUATION:
        return character
    category = unicodedata.category(character)
    if character.isspace():
        return "\n" if category in {"Cc", "Zl", "Zp"} and character != "\t" else " "
    if category[0] in "CM":
        return ""
    return " " if category[0] in "SPZ" else character


_ASCII: Final = {code: _fold_character(chr(code)) for code in range(128)}
