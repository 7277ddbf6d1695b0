"""Reads a passage by the kinds of its words: who is asked to do what, to whom, with which message, and who denies it.

Each word or set phrase of a language belongs to kinds ("stop", "contacting", "me", "thing"). A sentence becomes a
string with one character per word, which stands for its set of kinds, and a reading ("stop ~3 contacting") becomes a
small regular expression over such strings. So an unlisted wording is understood when its parts are known, and time
stays linear: every gap is bounded.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from services.core.domain.opt_out.lexicon import Phrase, load_grammar
from services.core.domain.text_folding import fold_characters, split_words

_FIRST_TAG: Final = 0xE000
_UNKNOWN: Final = "_"
# No gap reaches over these: what stands behind them is said of something else.
_PARTS_CLAUSES: Final = "thing|hesitate|stop|forget|other"
# Nor does an innocent use reach over these: then it is said to us.
_MEANS_US: Final = "|me|number|you|msg|contacting|contact|send|list|hypo|lose"
# Kinds of words that stand in any text, of houses among them ("thing"): they don't make a language look closer.
_SMALL_WORDS: Final = frozenset(
    {"me", "you", "these", "please", "be", "on", "in", "here", "more", "want", "get", "not"}
) | {"thing", "other", "aux", "just"}
# Kinds whose words other languages share with English ("no", "sms"): met alone they don't tell the language.
_SHARED_KINDS: Final = frozenset({"dont", "no", "msg", "msgs"})
_ENDS: Final = (".", "\n")
_BRACES: Final = re.compile(r"\{([^}]*)\}")
_TOKEN: Final = re.compile(r"[^\s.]+|\.|\n")

Kinds = dict[tuple[str, ...], set[str]]
# The words that may follow a first word, the tag of the whole phrase, and "1" if the language alone has it.
_Vocabulary = dict[str, list[tuple[tuple[str, ...], str, str]]]


@dataclass(frozen=True, slots=True)
class TaggedPassage:
    """A passage as one language reads it: a tag for each word or set phrase, and where each stands in the passage.

    `own` has a "1" for each that no other language shares.
    """

    language: str
    tags: str
    own: str
    spans: list[tuple[int, int]]


Tagged = list[TaggedPassage]


class _Reading:
    """One reading, compiled when a word that it can begin with is first met."""

    def __init__(self, entry: str, gap: str, grammar: "Grammar") -> None:
        self.entry = entry
        self._gap = gap
        self._pieces = entry.split()
        self._grammar = grammar
        others = [grammar.tags_of(piece) for piece in self._needed()[1:] if "$" not in piece.split("|")]
        # One of these tags must be in the passage: a cheap test before the pattern.
        rarest = min(others, key=len, default="")
        self.needs = frozenset(rarest) if rarest else None

    def rarest_tags(self, common: frozenset[str]) -> str:
        """The tags of the piece that the fewest words are of, if it can be none of the common kinds."""
        pieces = [piece for piece in self._needed() if common.isdisjoint(piece.split("|"))] or self._needed()
        return min([self._grammar.tags_of(piece) for piece in pieces], key=len)

    def _needed(self) -> list[str]:
        return [piece for piece in self._pieces if piece[0].isalpha() and piece[-1] != "?"]

    def first_tags(self) -> Iterator[str]:
        for piece in self._pieces:
            if piece == "^" or piece.startswith("~"):
                continue
            yield from self._grammar.tags_of(piece.rstrip("?"))
            if not piece.endswith("?"):
                return

    @cached_property
    def match(self) -> Callable[[str, int], re.Match[str] | None]:
        pieces, start = self._pieces, ""
        if pieces[0] == "^":
            # Not more words before it in the sentence than the gap allows.
            before = int(pieces[1][1:]) if pieces[1].startswith("~") else 0
            start = f"(?<![^.\\n]{{{before + 1}}})"
            pieces = pieces[2 if before else 1 :]
        return re.compile(start + "".join(self._grammar.expression(piece, self._gap) for piece in pieces)).match


class Grammar:
    def __init__(self, data: dict[str, Any]) -> None:
        self._kinds: dict[str, frozenset[str]] = {}
        self._tag_of: dict[frozenset[str], str] = {}
        shared = phrases_of(data["any"])
        english = shared | phrases_of(data["languages"]["en"])
        self._vocabularies: dict[str, _Vocabulary] = {}
        for language, kinds in data["languages"].items():
            own = phrases_of(kinds)
            foreign = english if language != "en" else {}
            self._vocabularies[language] = self._vocabulary(own, shared, foreign)
        self._tags_of_kind: dict[str, str] = {}
        for tag, its_kinds in self._kinds.items():
            for kind in its_kinds:
                self._tags_of_kind[kind] = self._tags_of_kind.get(kind, "") + tag
        self._readings = {
            meaning: self._by_first_tag(
                entries, _PARTS_CLAUSES + (_MEANS_US if meaning in {"innocent", "of_a_thing"} else "")
            )
            for meaning, entries in data["readings"].items()
        }
        # A language reads a passage that has a word of a kind which some reading can't do without.
        small = frozenset(split_words(fold_characters(data["small_words"])))
        self.words = frozenset(itertools.chain.from_iterable(self._vocabularies.values()))
        needed = {
            language: {
                tag
                for meaning in ("request", "doubtful", "innocent", "of_a_thing")
                for readings in self._readings[meaning].values()
                for reading in readings
                for tag in reading.rarest_tags(_SMALL_WORDS if language == "en" else _SMALL_WORDS | _SHARED_KINDS)
            }
            for language in self._vocabularies
        }
        self._triggers = {
            language: frozenset(
                max((first, *rest), key=lambda word: (word not in small, (word,) not in english, len(word)))
                for first, phrases in vocabulary.items()
                for rest, tag, whose in phrases
                if tag in needed[language] and whose == "1"
            )
            for language, vocabulary in self._vocabularies.items()
        }

    def tag(self, passage: str) -> Tagged:
        """Tag the passage for each language that has one of its words to itself, where a reading can begin.

        English reads the words that all share.
        """
        written = frozenset(passage.split())
        speaking = [language for language, triggers in self._triggers.items() if not triggers.isdisjoint(written)]
        if not speaking:
            return []
        tokens = list(_TOKEN.finditer(passage))
        words = [token[0] for token in tokens]
        spans = [token.span() for token in tokens]
        return [_tag(words, spans, language, self._vocabularies[language]) for language in speaking]

    def find(self, meaning: str, tagged: Tagged) -> Iterator[Phrase]:
        """Give each reading of a meaning that fits ("request", "doubtful" ...); they may overlap."""
        readings = self._readings[meaning]
        for each in tagged:
            tags, present = each.tags, frozenset(each.tags)
            for position, tag in enumerate(tags):
                if tag not in readings:
                    continue
                for reading in readings[tag]:
                    if reading.needs is not None and reading.needs.isdisjoint(present):
                        continue
                    found = reading.match(tags, position)
                    if found is not None and "1" in each.own[position : found.end()]:
                        last = max(position, found.end() - 1)
                        yield Phrase(each.language, reading.entry, each.spans[position][0], each.spans[last][1])

    def single_words(self, language: str) -> Iterator[str]:
        return (word for word, phrases in self._vocabularies[language].items() if any(not rest for rest, *_ in phrases))

    def correctable(self, kinds: frozenset[str]) -> Iterator[str]:
        """Words of any of the kinds."""
        for vocabulary in self._vocabularies.values():
            for word, phrases in vocabulary.items():
                if any(not rest and self._kinds[tag] & kinds for rest, tag, _ in phrases):
                    yield word

    def tags_of(self, piece: str) -> str:
        tags = "".join(self._tags_of_kind.get(kind, "") for kind in piece.split("|") if kind not in {"$", "."})
        if not tags and piece != ".":
            raise ValueError(f"no word is of the kind {piece}")
        return tags

    def expression(self, piece: str, gap: str) -> str:
        if piece == "$":
            return r"(?=[.\n]|\Z)"
        if piece == ".":
            return r"[.\n]"
        if piece.startswith("~"):
            return rf"[^.\n{self.tags_of(gap)}]{{0,{piece[1:]}}}?"
        if piece == _UNKNOWN:
            return _UNKNOWN
        if piece.startswith("!"):
            return f"(?![{self.tags_of(piece[1:])}])"
        if piece.endswith("?"):
            return f"[{self.tags_of(piece[:-1])}]?"
        tags = self.tags_of(piece)
        return rf"(?:[{tags}]|(?=[.\n]|\Z))" if "$" in piece.split("|") else f"[{tags}]"

    def _vocabulary(self, own: Kinds, shared: Kinds, foreign: Kinds) -> _Vocabulary:
        vocabulary: _Vocabulary = {}
        for phrase in sorted(own.keys() | shared.keys(), key=lambda phrase: (-len(phrase), phrase)):
            kinds = frozenset(own.get(phrase, set()) | shared.get(phrase, set()))
            tag = self._tag_of.setdefault(kinds, chr(_FIRST_TAG + len(self._tag_of)))
            self._kinds[tag] = kinds
            vocabulary.setdefault(phrase[0], []).append((phrase[1:], tag, "0" if phrase in foreign else "1"))
        return vocabulary

    def _by_first_tag(self, entries: list[str], gap: str) -> dict[str, list[_Reading]]:
        by_tag: dict[str, list[_Reading]] = {}
        for entry in entries:
            reading = _Reading(entry, gap, self)
            for tag in dict.fromkeys(reading.first_tags()):
                by_tag.setdefault(tag, []).append(reading)
        return by_tag


def _tag(words: list[str], spans: list[tuple[int, int]], language: str, vocabulary: _Vocabulary) -> TaggedPassage:
    tags: list[str] = []
    own: list[str] = []
    places: list[tuple[int, int]] = []
    after = 0
    for position, word in enumerate(words):
        if position < after:
            continue
        if word in vocabulary:
            for rest, tag, whose in vocabulary[word]:
                after = position + 1 + len(rest)
                if not rest or tuple(words[position + 1 : after]) == rest:
                    tags.append(tag)
                    own.append(whose)
                    places.append((spans[position][0], spans[after - 1][1]))
                    break
            else:
                after = position + 1
                tags.append(_UNKNOWN)
                own.append("0")
                places.append(spans[position])
        else:
            tags.append(word if word in _ENDS else _UNKNOWN)
            own.append("0")
            places.append(spans[position])
    return TaggedPassage(language, "".join(tags), "".join(own), places)


def phrases_of(kinds: dict[str, str]) -> Kinds:
    """Each phrase, as folding leaves its words, with its kinds."""
    phrases: Kinds = {}
    for kind, entries in kinds.items():
        for entry in entries.split():
            for written in _written_out(entry):
                phrases.setdefault(tuple(split_words(fold_characters(written))), set()).add(kind)
    return phrases


def _written_out(entry: str) -> Iterator[str]:
    pieces = [piece.split(",") if number % 2 else [piece] for number, piece in enumerate(_BRACES.split(entry))]
    return ("".join(choice).replace("_", " ") for choice in itertools.product(*pieces))


GRAMMAR: Final = Grammar(load_grammar())
