"""The words: three data files, and the phrases of the lexicon made into patterns."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.core.domain.text_folding import fold_characters, split_words

_DATA: Final = Path(__file__).parent.parent / "data"
LEXICON: Final[dict[str, Any]] = json.loads((_DATA / "opt_out_lexicon.json").read_text(encoding="utf-8"))
LANGUAGES: Final[dict[str, dict[str, Any]]] = LEXICON["languages"]

# In a passage each word is followed by one blank or line break, and a sentence's full stop stands as ". ".
_SENTENCE_START: Final = r"(?:\A|(?<=\n)|(?<=\. ))"
_SENTENCE_END: Final = r"(?:(?=\. )|(?<=\n)|\Z)"
_WORD: Final = re.compile(r"[^\s.]+")
_CLASS: Final = re.compile(r"<(?P<name>\w+)>(?P<times>[?*]?)")
_MOST_REPEATS: Final = 4


@dataclass(frozen=True, slots=True)
class Phrase:
    """A lexicon entry found in a passage, from `start` to `end`."""

    language: str
    entry: str
    start: int
    end: int


class Phrases:
    """Many phrases, looked for at once: a word leads to the few that begin with it, compiled when first met."""

    def __init__(self, phrases: Iterable[tuple[str, str]]) -> None:
        # Longest first, so that "stop all" is not found as "stop".
        self._entries = sorted(dict.fromkeys(phrases), key=lambda phrase: -len(phrase[1]))
        self._by_first_word: dict[str, list[int]] = {}
        for number, (language, entry) in enumerate(self._entries):
            for word in _first_words(entry, language):
                self._by_first_word.setdefault(word, []).append(number)
        self._patterns: dict[str, re.Pattern[str]] = {}

    def find(self, passage: str, start: int = 0) -> Iterator[Phrase]:
        """Give each phrase that begins at a word of the passage, in order; they may overlap."""
        for word in _WORD.finditer(passage, start):
            if word[0] in self._by_first_word:
                phrase = self._match(word[0], passage, word.start())
                if phrase is not None:
                    yield phrase

    def first(self, passage: str, start: int = 0) -> Phrase | None:
        return next(self.find(passage, start), None)

    def fill(self, passage: str) -> Phrase | None:
        """The first phrase, if the passage is nothing but phrases one after the other."""
        first, position = None, 0
        for word in _WORD.finditer(passage):
            if word.start() < position:
                continue
            phrase = self._match(word[0], passage, word.start()) if word[0] in self._by_first_word else None
            if phrase is None:
                return None
            first, position = first or phrase, phrase.end
        return first

    def without(self, passage: str) -> str:
        """The words of the passage that are no part of a phrase."""
        rest, position = [], 0
        for word in _WORD.finditer(passage):
            if word.start() < position:
                continue
            phrase = self._match(word[0], passage, word.start()) if word[0] in self._by_first_word else None
            if phrase is None:
                rest.append(f"{word[0]} ")
            else:
                position = phrase.end
        return "".join(rest)

    def _match(self, word: str, passage: str, start: int) -> Phrase | None:
        numbers = self._by_first_word[word]
        if word not in self._patterns:
            phrases = map(self._entries.__getitem__, numbers)
            choices = "|".join(f"({expression(entry, language, first_word=word)})" for language, entry in phrases)
            self._patterns[word] = re.compile(choices)
        found = self._patterns[word].match(passage, start)
        if found is None:
            return None
        language, entry = self._entries[numbers[(found.lastindex or 1) - 1]]
        return Phrase(language, entry, found.start(), found.end())


def _first_words(entry: str, language: str) -> set[str]:
    token = entry.removeprefix("^ ").split()[0]
    named = _CLASS.fullmatch(token)
    if named is None:
        return {split_words(fold_characters(token))[0]}
    return {word for member in LANGUAGES[language]["classes"][named["name"]] for word in _first_words(member, language)}


def expression(phrase: str, language: str, *, first_word: str | None = None) -> str:
    """The regular expression of a lexicon entry; with `first_word` only for passages that begin with that word."""
    pieces = phrase.split()
    start = 1 if pieces[0] == "^" else 0
    return "".join(
        _piece_expression(piece, language, first_word=first_word if number == start else None)
        for number, piece in enumerate(pieces)
    )


def _piece_expression(piece: str, language: str, *, first_word: str | None) -> str:
    if piece in {"^", "$"}:
        return _SENTENCE_START if piece == "^" else _SENTENCE_END
    if piece == "#":
        return r"\d\S*[ \n]"
    named = _CLASS.fullmatch(piece)
    if named is None:
        return "".join(f"{re.escape(word)}[ \\n]" for word in split_words(fold_characters(piece)))
    members = sorted(LANGUAGES[language]["classes"][named["name"]], key=lambda member: -len(member))
    choices = "|".join(
        dict.fromkeys(
            expression(member, language)
            for member in members
            if first_word is None or first_word in _first_words(member, language)
        )
    )
    return f"(?:{choices})" + {"": "", "?": "?", "*": f"{{0,{_MOST_REPEATS}}}"}[named["times"]]


def listed(kind: str) -> Iterator[tuple[str, str]]:
    """Language and entry of each phrase of a kind ("requests", "keywords" ...)."""
    return ((language, phrase) for language, lists in LANGUAGES.items() for phrase in lists[kind])


def compact(phrase: str) -> str:
    """A phrase's letters as folding leaves them, without the blanks."""
    return "".join(split_words(fold_characters(phrase)))


def spaced(phrases: Iterable[str]) -> str:
    """Phrases as they stand in folded characters, where several blanks may part two words."""
    return "|".join(
        " +".join("[^\\n]{0,200}" if word == "*" else re.escape(fold_characters(word)) for word in phrase.split())
        for phrase in sorted(phrases, key=len, reverse=True)
    )


def load_grammar() -> dict[str, Any]:
    """The kinds of words and the readings (`opt_out_grammar.json`)."""
    data: dict[str, Any] = json.loads((_DATA / "opt_out_grammar.json").read_text(encoding="utf-8"))
    return data


def load_concepts() -> dict[str, dict[str, str]]:
    """Further kinds of words by language, which no reading names (`opt_out_concepts.json`)."""
    languages: dict[str, dict[str, str]] = json.loads((_DATA / "opt_out_concepts.json").read_text(encoding="utf-8"))[
        "languages"
    ]
    return languages


AMBIGUOUS: Final = frozenset(listed("ambiguous"))
KEYWORDS: Final = Phrases(listed("keywords"))
COURTESY: Final = Phrases(listed("courtesy"))
