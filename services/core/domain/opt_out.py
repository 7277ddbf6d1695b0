"""Decides whether an inbound text asks us to stop: the words are data, the rules are here.

The worst mistake is a text that says stop and is taken for anything else; the second is an innocent text that
opts out. So a keyword alone or a listed request opts out, everything else that could mean it is doubtful (the
contact is paused and a person decides), and only listed innocent uses take a keyword's weight away.
Every step is linear in the text and looks at all of it: no length hides a STOP.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Final

from services.core.domain.text_folding import fold_characters, join_spelt_out, split_words


class InboundMeaning(StrEnum):
    OPT_OUT = "opt_out"
    DOUBTFUL = "doubtful"
    OPT_IN = "opt_in"
    HELP = "help"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class OptOutDecision:
    """What the text means for consent, the rule that said so, and the lexicon entry (never the person's words)."""

    meaning: InboundMeaning
    rule: str
    matched: str | None = None


_LEXICON: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "opt_out_lexicon.json").read_text(encoding="utf-8")
)
_LANGUAGES: Final[dict[str, dict[str, Any]]] = _LEXICON["languages"]

# In a passage each word is followed by one blank or line break, and a sentence's full stop stands as ". ".
_SENTENCE_START: Final = r"(?:\A|(?<=\n)|(?<=\. ))"
_SENTENCE_END: Final = r"(?:(?=\. )|(?<=\n)|\Z)"
_MOST_REPEATS: Final = 4
_MOST_SIGNATURE_WORDS: Final = 8
# Shorter or ambiguous keywords are too easily part of another word to be looked for inside one.
_SHORTEST_INSIDE: Final = 4
_LONGEST_GLUED: Final = 60
_LONGEST_NEGATION: Final = 80


@dataclass(frozen=True, slots=True)
class _Phrase:
    language: str
    entry: str
    start: int
    end: int


def decide_opt_out(text: str) -> OptOutDecision:
    """Decide what an inbound `text` means for consent; any string is answered, none raises.

    Quoted originals, reactions and our own quoted instructions are not the person's words; but when nothing else
    speaks and what was cut off asks to stop, it is doubtful.
    """
    own, quoted = _cut_quotes(join_spelt_out(fold_characters(_LINK.sub(" ", text)), _SPELT_KEYWORD))
    decision = _decide(_read(own))
    if decision.meaning in {InboundMeaning.OPT_OUT, InboundMeaning.DOUBTFUL}:
        return decision
    for piece in quoted:
        inner = _decide(_without_instructions(_read(piece)))
        if inner.meaning is InboundMeaning.OPT_OUT:
            return OptOutDecision(InboundMeaning.DOUBTFUL, "quoted_request", inner.matched)
    sign = next((sign for sign in _LEXICON["stop_signs"] if sign in text), None)
    if sign is not None and not _read(own):
        return OptOutDecision(InboundMeaning.DOUBTFUL, "stop_sign", sign)
    return decision


def _decide(passage: str) -> OptOutDecision:
    innocent = bytearray(len(passage))
    for use in _INNOCENT.find(passage):
        innocent[use.start : use.end] = b"\1" * (use.end - use.start)
    asked, negated = _find_opt_outs(passage, innocent)
    if asked:
        last = max(asked, key=lambda opt_out: opt_out.end)
        contrary = _CONTRARY.first(passage, last.end)
        if contrary:
            return OptOutDecision(InboundMeaning.DOUBTFUL, "contrary_sentence", contrary.entry)
        return OptOutDecision(InboundMeaning.OPT_OUT, last.rule, last.matched)
    words = passage.replace(". ", "").split()
    whole = "".join(words)
    for meaning, entries in ((InboundMeaning.OPT_IN, _OPT_IN), (InboundMeaning.HELP, _HELP)):
        if " ".join(words) in entries:
            return OptOutDecision(meaning, meaning.value, entries[" ".join(words)])
    if negated:
        return OptOutDecision(InboundMeaning.DOUBTFUL, "negated_request", negated[0].matched)
    if whole in _GLUED_OPT_IN:
        return OptOutDecision(InboundMeaning.DOUBTFUL, "broken_opt_in", _GLUED_OPT_IN[whole])
    return (
        _find_bare_keyword(passage, innocent)
        or _find_misspelt(words)
        or _find_leet(words)
        or _find_doubtful_phrase(passage)
        or OptOutDecision(InboundMeaning.NONE, "innocent_use" if any(innocent) else "nothing_said")
    )


@dataclass(frozen=True, slots=True)
class _Found:
    rule: str
    matched: str
    end: int


def _find_opt_outs(passage: str, innocent: bytearray) -> tuple[list[_Found], list[_Found]]:
    asked: list[_Found] = []
    for sentence in _SENTENCE.finditer(passage):
        keyword = _keyword_of(sentence[0])
        if keyword is not None:
            asked.append(_Found("keyword", keyword, sentence.end()))
    negated: list[_Found] = []
    for found in _REQUESTS.find(passage):
        if any(innocent[found.start : found.end]):
            continue
        (negated if _is_negated(passage, found) else asked).append(_Found("request", found.entry, found.end))
    return asked, negated


def _keyword_of(sentence: str) -> str | None:
    """The keyword that is all the sentence says, courtesy aside."""
    said = " ".join(sentence.split()) + " "
    rest = _COURTESY.part(said)[1]
    for words in (said, rest):
        keywords, others = _KEYWORDS.part(words)
        if keywords and not others:
            return keywords[0].entry
    return _glued_keyword(rest.replace(" ", ""))


def _glued_keyword(glued: str) -> str | None:
    """A keyword written with blanks inside ("st op"), over and over, or run together with a courtesy word."""
    repeated = _GLUED_WITH_COURTESY.match(glued)
    if repeated:
        return repeated[1]
    ending = _GLUED_ENDING.search(glued) if len(glued) <= _LONGEST_GLUED else None
    return ending[1] if ending and glued[: ending.start()] in _COURTESY_WORDS else None


def _find_bare_keyword(passage: str, innocent: bytearray) -> OptOutDecision | None:
    for found in _BARE.find(passage):
        if not any(innocent[found.start : found.end]):
            rule = "negated_keyword" if _is_negated(passage, found) else "keyword_in_sentence"
            return OptOutDecision(InboundMeaning.DOUBTFUL, rule, found.entry)
    return None


def _find_misspelt(words: list[str]) -> OptOutDecision | None:
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        keyword = _misspelt_keyword(word, following)
        if keyword is not None:
            return OptOutDecision(InboundMeaning.DOUBTFUL, "misspelt_keyword", keyword)
    return None


def _misspelt_keyword(word: str, following: str) -> str | None:
    if following in _SINGLE_KEYWORDS:
        following = ""
    if word in _SINGLE_KEYWORDS:
        return _SINGLE_KEYWORDS[word] if " " in _SINGLE_KEYWORDS[word] else None
    glued = _GLUED_WITH_OBJECT.match(word) or _GLUED_AFTER_COURTESY.match(word)
    if glued:
        return glued[1]
    return (
        _MISSPELT.get(word)
        or (_SINGLE_KEYWORDS.get(word.strip("0123456789")) if word[0].isdigit() or word[-1].isdigit() else None)
        or (_SINGLE_KEYWORDS.get(word + following) if len(word + following) >= _SHORTEST_INSIDE else None)
    )


def _find_leet(words: list[str]) -> OptOutDecision | None:
    read = {word: split_words(word.translate(_LEET)) for word in words if _LEET_WORD.fullmatch(word)}
    if not read:
        return None
    changed = set(chain.from_iterable(read.values()))
    plain = "".join(f"{word} " for original in words for word in read.get(original, [original]))
    for found in _BARE.find(plain):
        if not changed.isdisjoint(plain[found.start : found.end].split()):
            return OptOutDecision(InboundMeaning.DOUBTFUL, "leet_keyword", found.entry)
    misspelt = next((_MISSPELT[word] for word in changed if word in _MISSPELT), None)
    return OptOutDecision(InboundMeaning.DOUBTFUL, "leet_keyword", misspelt) if misspelt else None


def _find_doubtful_phrase(passage: str) -> OptOutDecision | None:
    found = _DOUBTFUL.first(passage)
    return OptOutDecision(InboundMeaning.DOUBTFUL, "doubtful_phrase", found.entry) if found else None


def _is_negated(passage: str, phrase: _Phrase) -> bool:
    before = passage[max(0, phrase.start - _LONGEST_NEGATION) : phrase.start]
    return _NEGATIONS[phrase.language].search(before) is not None


def _cut_quotes(folded: str) -> tuple[str, list[str]]:
    """Part the person's own words from reactions, quoted originals and quoted instructions of ours."""
    quoted: list[str] = []

    def set_aside(quote: re.Match[str]) -> str:
        quoted.append(quote["quote"])
        return "\n"

    def set_aside_instruction(quote: re.Match[str]) -> str:
        passage = _read(quote["quote"])
        return quote[0] if _without_instructions(passage) == passage else set_aside(quote)

    own = _REACTION.sub(set_aside, folded)
    own = _ORIGINAL.sub(set_aside, own)
    own = _QUOTED_LINES.sub(set_aside, own)
    own = _QUOTATION.sub(set_aside_instruction, own)
    return _REPLY_PREFIX.sub("", own), quoted


def _without_instructions(passage: str) -> str:
    """Leave out what our own texts say: "Reply STOP to ..." up to the end of its sentence."""

    def cut(sentence: re.Match[str]) -> str:
        for instruction in _INSTRUCTIONS.find(sentence[0]):
            keyword = _KEYWORDS.first(sentence[0], instruction.end)
            if keyword is not None and keyword.start == instruction.end:
                return sentence[0][: instruction.start]
        return sentence[0]

    return _SENTENCE.sub(cut, passage)


def _read(folded: str) -> str:
    """Make a passage of folded characters: words, sentence ends and line breaks, signatures left out."""
    return "".join(chain.from_iterable(map(_read_line, folded.split("\n"))))


def _read_line(line: str) -> Iterator[str]:
    parts = _SENTENCE_ENDS.split(line)
    for number, part in enumerate(parts, start=1):
        sentence = _without_signature("".join(f"{word} " for word in split_words(part)))
        if sentence:
            yield f"{sentence}. " if number < len(parts) else f"{sentence[:-1]}\n"


def _without_signature(sentence: str) -> str:
    signature = _SIGNATURE.first(sentence)
    if signature is None:
        return sentence
    tail = sentence[signature.end :]
    if len(tail.split()) > _MOST_SIGNATURE_WORDS or _KEYWORDS.first(tail):
        return sentence
    return sentence[: signature.start]


class _Phrases:
    """Many phrases, looked for at once: a word leads to the few that begin with it, compiled when first met."""

    def __init__(self, phrases: Iterable[tuple[str, str]]) -> None:
        # Longest first, so that "stop all" is not found as "stop".
        self._entries = sorted(dict.fromkeys(phrases), key=lambda phrase: -len(phrase[1]))
        self._by_first_word: dict[str, list[int]] = {}
        for number, (language, entry) in enumerate(self._entries):
            for word in _first_words(entry, language):
                self._by_first_word.setdefault(word, []).append(number)
        self._patterns: dict[str, re.Pattern[str]] = {}

    def find(self, passage: str, start: int = 0) -> Iterator[_Phrase]:
        """Give each phrase that begins at a word of the passage, in order; they may overlap."""
        for word in _WORD.finditer(passage, start):
            if word[0] in self._by_first_word:
                phrase = self._match(word[0], passage, word.start())
                if phrase is not None:
                    yield phrase

    def first(self, passage: str, start: int = 0) -> _Phrase | None:
        return next(self.find(passage, start), None)

    def part(self, passage: str) -> tuple[list[_Phrase], str]:
        """Part the phrases that stand in the passage one after the other from the words that are left."""
        phrases, rest, position = [], [], 0
        for word in _WORD.finditer(passage):
            if word.start() < position:
                continue
            phrase = self._match(word[0], passage, word.start()) if word[0] in self._by_first_word else None
            if phrase is None:
                rest.append(f"{word[0]} ")
            else:
                phrases.append(phrase)
                position = phrase.end
        return phrases, "".join(rest)

    def _match(self, word: str, passage: str, start: int) -> _Phrase | None:
        numbers = self._by_first_word[word]
        if word not in self._patterns:
            phrases = map(self._entries.__getitem__, numbers)
            choices = "|".join(f"({_expression(entry, language, first_word=word)})" for language, entry in phrases)
            self._patterns[word] = re.compile(choices)
        found = self._patterns[word].match(passage, start)
        if found is None:
            return None
        language, entry = self._entries[numbers[(found.lastindex or 1) - 1]]
        return _Phrase(language, entry, found.start(), found.end())


def _first_words(entry: str, language: str) -> set[str]:
    token = entry.removeprefix("^ ").split()[0]
    named = _CLASS.fullmatch(token)
    if named is None:
        return {split_words(fold_characters(token))[0]}
    return {
        word for member in _LANGUAGES[language]["classes"][named["name"]] for word in _first_words(member, language)
    }


def _expression(phrase: str, language: str, *, first_word: str | None = None) -> str:
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
    members = sorted(_LANGUAGES[language]["classes"][named["name"]], key=lambda member: -len(member))
    choices = "|".join(
        dict.fromkeys(
            _expression(member, language)
            for member in members
            if first_word is None or first_word in _first_words(member, language)
        )
    )
    return f"(?:{choices})" + {"": "", "?": "?", "*": f"{{0,{_MOST_REPEATS}}}"}[named["times"]]


def _listed(kind: str) -> Iterator[tuple[str, str]]:
    return ((language, phrase) for language, listed in _LANGUAGES.items() for phrase in listed[kind])


def _negation(language: str) -> re.Pattern[str]:
    def choices(kind: str) -> str:
        phrases = sorted(_LANGUAGES[language][kind], key=lambda phrase: -len(phrase))
        return "|".join(_expression(phrase, language) for phrase in phrases) or "(?!)"

    return re.compile(f"(?<!\\S)(?:{choices('negations')})(?:{choices('negation_links')}){{0,4}}\\Z")


def _compact(phrase: str) -> str:
    return "".join(split_words(fold_characters(phrase)))


def _misspellings(keyword: str) -> set[str]:
    """Every word one slip away: a letter left out, doubled by another, changed, or swapped with its neighbour."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    halves = [(keyword[:cut], keyword[cut:]) for cut in range(len(keyword) + 1)]
    dropped = {left + right[1:] for left, right in halves if right}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in halves if len(right) > 1}
    changed = {left + letter + right[1:] for left, right in halves if right for letter in letters}
    added = {left + letter + right for left, right in halves for letter in letters}
    return {_compact(word) for word in dropped | swapped | changed | added} - {keyword}


_WORD: Final = re.compile(r"[^\s.]+")
_CLASS: Final = re.compile(r"<(?P<name>\w+)>(?P<times>[?*]?)")
_SENTENCE: Final = re.compile(r"[^.\n]+")
_SENTENCE_ENDS: Final = re.compile(r"[.!?]+")
_LINK: Final = re.compile(r"https?://[^\s\"”»]+", re.IGNORECASE)
_LEET_WORD: Final = re.compile(r"(?=\S*[^\W\d_])[^\s0-9$@]*[0-9$@]\S*")
_LEET: Final = str.maketrans(_LEXICON["leet"])

_AMBIGUOUS_WORDS: Final = frozenset(_listed("ambiguous"))
_KEYWORDS: Final = _Phrases(_listed("keywords"))
_BARE: Final = _Phrases(keyword for keyword in _listed("keywords") if keyword not in _AMBIGUOUS_WORDS)
_COURTESY: Final = _Phrases(_listed("courtesy"))
_REQUESTS: Final = _Phrases(_listed("requests"))
_INNOCENT: Final = _Phrases(_listed("innocent"))
_DOUBTFUL: Final = _Phrases(_listed("doubtful"))
_CONTRARY: Final = _Phrases(_listed("contrary"))
_INSTRUCTIONS: Final = _Phrases(("en", phrase) for phrase in _LEXICON["instructions"])
_SIGNATURE: Final = _Phrases(("en", phrase) for phrase in _LEXICON["signatures"])
_NEGATIONS: Final = {language: _negation(language) for language in _LANGUAGES}

_OPT_IN: Final = {" ".join(split_words(entry)): entry for entry in _LEXICON["opt_in"]}
_HELP: Final = {" ".join(split_words(entry)): entry for entry in _LEXICON["help"]}
_GLUED_OPT_IN: Final = {_compact(entry): entry for entry in _LEXICON["opt_in"] if len(entry) > _SHORTEST_INSIDE}

_COURTESY_WORDS: Final = frozenset(_compact(phrase) for _, phrase in _listed("courtesy"))
_SINGLE_KEYWORDS: Final = {
    _compact(phrase): phrase for language, phrase in _listed("keywords") if (language, phrase) not in _AMBIGUOUS_WORDS
}
_INSIDE: Final = "|".join(
    sorted((word for word in _SINGLE_KEYWORDS if len(word) >= _SHORTEST_INSIDE), key=len, reverse=True)
)


def _glued_with(endings: Iterable[str]) -> re.Pattern[str]:
    """Keywords run together, with at most one ending; squeezing may have swallowed its first letter ("stoplease")."""
    choices = "|".join(f"{ending}|(?<={ending[0]}){ending[1:]}" for ending in endings if len(ending) > 1)
    return re.compile(f"({_INSIDE})(?:{_INSIDE})*(?:{choices})?\\Z")


_GLUED_WITH_COURTESY: Final = _glued_with(_COURTESY_WORDS)
_GLUED_WITH_OBJECT: Final = _glued_with(
    {_compact(phrase) for kind in ("contacting", "texts", "object") for phrase in _LANGUAGES["en"]["classes"][kind]}
)
_GLUED_AFTER_COURTESY: Final = re.compile(
    f"(?:{'|'.join(word for word in _COURTESY_WORDS if len(word) >= _SHORTEST_INSIDE)})({_INSIDE})"
)
_GLUED_ENDING: Final = re.compile(f"({_INSIDE})\\Z")
_SHORT_OR_OPPOSITE: Final = [
    _compact(entry) for entry in ("end", "fin", "alto", "para", "baja", *_LEXICON["opt_in"], *_LEXICON["help"])
]
_SPELT_KEYWORD: Final = re.compile(rf"\A(?:{'|'.join(_SHORT_OR_OPPOSITE)})\Z|{_INSIDE}")

_NOT_MISSPELT: Final = {_compact(word) for word in _LEXICON["misspelt"]["real_words"]} | {
    _compact(word) for _, word in chain(_listed("keywords"), _listed("courtesy"))
}
_MISSPELT: Final = {
    word: keyword
    for keyword in _LEXICON["misspelt"]["keywords"]
    for word in _misspellings(keyword)
    if word not in _NOT_MISSPELT
} | {_compact(word): word for word in _LEXICON["misspelt"]["also"]}


def _spaced(phrases: Iterable[str]) -> str:
    """Phrases as they stand in folded characters, where several blanks may part two words."""
    return "|".join(
        " +".join("[^\\n]{0,200}" if word == "*" else re.escape(fold_characters(word)) for word in phrase.split())
        for phrase in sorted(phrases, key=len, reverse=True)
    )


_REACTION: Final = re.compile(
    rf'^[^\w"\n]*(?:{_spaced(_LEXICON["reactions"])})[^\w"\n]*"(?P<quote>[^"]*)(?:"|\Z)', re.MULTILINE
)
_ORIGINAL: Final = re.compile(
    rf"^(?:(?=[^\n]*\d)(?:{_spaced(_LEXICON['quote_headers'])}) ?:|[-_ ]*(?:{_spaced(_LEXICON['quote_rules'])})[-_: ]*$"
    r"|from:[^\n]*\n(?:sent|to|date|subject):)(?P<quote>(?s:.*))",
    re.MULTILINE,
)
_QUOTED_LINES: Final = re.compile(r"^ *>(?P<quote>[^\n]*(?:\n *>[^\n]*)*)", re.MULTILINE)
_QUOTATION: Final = re.compile(r'"(?P<quote>[^"]*)"')
_REPLY_PREFIX: Final = re.compile(rf"^ *(?:(?:{_spaced(_LEXICON['reply_prefixes'])}) *: *)++", re.MULTILINE)
