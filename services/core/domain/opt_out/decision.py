"""Decides whether an inbound text asks us to stop: the words are data, the rules are here (see OPT_OUT.md).

The worst mistake is a text that says stop and is taken for anything else; the second is an innocent text that
opts out. So a keyword alone, a listed request or one that the grammar reads opts out, everything else that could mean
it is doubtful (the contact is paused and a person decides), and only innocent uses take a keyword's weight away.
Every step is linear in the text and looks at all of it: no length hides a STOP.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.core.domain.opt_out.grammar import GRAMMAR, Tagged
from services.core.domain.opt_out.lexicon import LANGUAGES, LEXICON, Phrase, Phrases, compact, expression, listed
from services.core.domain.opt_out.passage import SENTENCE, cut_quotes, read, without_instructions
from services.core.domain.opt_out.second_opinion import would_pause
from services.core.domain.opt_out.spelling import (
    BARE,
    corrected,
    fold,
    joined,
    keyword_of,
    leet_keyword,
    misspelt_keyword,
    parted,
    sign_keyword,
    undisguised,
)
from services.core.domain.opt_outs import InboundMeaning
from services.core.domain.text_folding import split_unsqueezed, split_words

_LONGEST_NEGATION: Final = 80
_SHORTEST_GLUED_OPT_IN: Final = 5

NOTHING_SAID: Final = "nothing_said"
"""The rule where neither a word nor a reading was found, be it of a request or of an innocent use."""


@dataclass(frozen=True, slots=True)
class OptOutDecision:
    """What the text means for consent, the rule that said so, and the lexicon entry (never the person's words)."""

    meaning: InboundMeaning
    rule: str
    matched: str | None = None


def decide_opt_out(text: str) -> OptOutDecision:
    """Decide what an inbound `text` means for consent; any string is answered, none raises.

    Where the rules find nothing, a second opinion may still pause for a person; it never opts out.
    """
    parted = _part(text)
    decision = _by_rules(parted)
    if decision.rule == NOTHING_SAID and would_pause(parted.passage):
        return OptOutDecision(InboundMeaning.DOUBTFUL, "second_opinion")
    return decision


def decide_by_rules(text: str) -> tuple[OptOutDecision, str]:
    """What the word lists and the grammar alone decide, and the passage that they read."""
    parted = _part(text)
    return _by_rules(parted), parted.passage


class _Parted(NamedTuple):
    """A text without its links (`plain`), the folded words that are the person's (`own`) and that are not (`quoted`),
    and the person's as the rules read them (`passage`).
    """

    text: str
    plain: str
    own: str
    quoted: list[str]
    passage: str


def _part(text: str) -> _Parted:
    plain = _LINK.sub(" ", text)
    own, quoted = cut_quotes(fold(plain))
    return _Parted(text, plain, own, quoted, read(own))


def _by_rules(parted: _Parted) -> OptOutDecision:
    """Quoted originals, reactions and our own quoted instructions are not the person's words; but when nothing else
    speaks and what was cut off asks to stop, it is doubtful.
    """
    text, plain, own, quoted, passage = parted
    decision = _decide(passage)
    if decision.meaning in _PAUSING:
        return decision
    if decision.meaning is InboundMeaning.OPT_IN and not _is_written_plainly(own, passage):
        return OptOutDecision(InboundMeaning.DOUBTFUL, "broken_opt_in", decision.matched)
    for piece in quoted:
        inner = _decide(without_instructions(read(piece)))
        if inner.meaning is InboundMeaning.OPT_OUT:
            return OptOutDecision(InboundMeaning.DOUBTFUL, "quoted_request", inner.matched)
    sign = next((sign for sign in LEXICON["stop_signs"] if sign in text), None)
    if sign is not None and not passage:
        return OptOutDecision(InboundMeaning.DOUBTFUL, "stop_sign", sign)
    if sign is not None and sign in LEXICON["signs_for_stop"]:
        asked = _requested_in(read(cut_quotes(fold(plain.replace(sign, " stop ")))[0]))
        if asked is not None:
            return OptOutDecision(InboundMeaning.OPT_OUT, "stop_sign", asked)
    disguised = sign_keyword(plain) if not quoted else None
    if disguised is not None:
        return OptOutDecision(InboundMeaning.DOUBTFUL, "leet_keyword", disguised)
    return decision


def _is_written_plainly(own: str, passage: str) -> bool:
    """Whether squeezing stretched letters changed nothing ("STAART" is no START)."""
    words = passage.replace(". ", "").split()
    return split_unsqueezed(own)[: len(words)] == words


def _decide(passage: str) -> OptOutDecision:
    keywords = list(_find_keywords(passage))
    decision = _unless_contrary(passage, keywords)
    if decision is not None and decision.meaning is InboundMeaning.OPT_OUT:
        return decision
    tagged = GRAMMAR.tag(passage)
    innocent = _mark(bytearray(len(passage)), _INNOCENT.find(passage))
    requests, denied = _find_requests(passage, tagged, innocent)
    decision = _unless_contrary(passage, [*keywords, *requests])
    if decision is not None:
        return decision
    words = passage.replace(". ", "").split()
    whole = "".join(words)
    for meaning, entries in ((InboundMeaning.OPT_IN, _OPT_IN), (InboundMeaning.HELP, _HELP)):
        if " ".join(words) in entries:
            return OptOutDecision(meaning, meaning.value, entries[" ".join(words)])
    if denied:
        return OptOutDecision(InboundMeaning.DOUBTFUL, denied[0].rule, denied[0].matched)
    if whole in _GLUED_OPT_IN:
        return OptOutDecision(InboundMeaning.DOUBTFUL, "broken_opt_in", _GLUED_OPT_IN[whole])
    of_things = list(GRAMMAR.find("innocent", tagged))
    elsewhere = _mark(bytearray(len(passage)), of_things)
    disarmed = _mark(innocent, of_things)
    is_innocent = any(disarmed)
    armed = [word[0] for word in _WORD.finditer(passage) if not disarmed[word.start()]] if is_innocent else words
    return (
        _find_run_together(passage)
        or _find_disguised(passage)
        or _find_bare_keyword(passage, disarmed)
        or _doubtful("misspelt_keyword", misspelt_keyword(armed))
        or _doubtful("leet_keyword", leet_keyword(armed))
        or _find_doubtful(passage, tagged, elsewhere, disarmed)
        or _find_misspelt_request(passage)
        or OptOutDecision(InboundMeaning.NONE, "innocent_use" if is_innocent else NOTHING_SAID)
    )


@dataclass(frozen=True, slots=True)
class _Found:
    rule: str
    matched: str
    end: int


def _unless_contrary(passage: str, asked: list[_Found]) -> OptOutDecision | None:
    """What was asked last, unless something to the contrary stands behind it."""
    if not asked:
        return None
    last = max(asked, key=lambda found: found.end)
    contrary = _CONTRARY.first(passage, last.end)
    if contrary is not None:
        return OptOutDecision(InboundMeaning.DOUBTFUL, "contrary_sentence", contrary.entry)
    return OptOutDecision(InboundMeaning.OPT_OUT, last.rule, last.matched)


def _find_keywords(passage: str) -> Iterator[_Found]:
    for sentence in SENTENCE.finditer(passage):
        keyword = keyword_of(sentence[0])
        if keyword is not None:
            yield _Found("keyword", keyword, sentence.end())


def _find_requests(passage: str, tagged: Tagged, innocent: bytearray) -> tuple[list[_Found], list[_Found]]:
    """What asks to stop, and what would but for a negation or a condition."""
    asked: list[_Found] = []
    denied: list[_Found] = []
    if tagged:
        _mark(innocent, GRAMMAR.find("of_a_thing", tagged))
    requests = [
        (rule, found)
        for rule, phrases in (("request", _REQUESTS.find(passage)), ("reading", GRAMMAR.find("request", tagged)))
        for found in phrases
        if not any(innocent[found.start : found.end])
    ]
    if requests:
        conditions = _Conditions(passage, tagged)
        for rule, found in requests:
            is_negated = not found.entry.startswith(_DENYING) and _is_negated(passage, found)
            denial = "negated_request" if is_negated else conditions.denial(found, rule)
            if denial is None:
                asked.append(_Found(rule, found.entry, found.end))
            else:
                denied.append(_Found(denial, found.entry, found.end))
    return asked, denied


class _Conditions:
    """Where a passage supposes ("I might ...", "how do I ...") and limits ("... before nine"), by sentence."""

    def __init__(self, passage: str, tagged: Tagged) -> None:
        self._ends = [end.start() for end in _ENDS.finditer(passage)]
        self._supposed: dict[int, int] = {}
        self._asked_how: dict[int, int] = {}
        self._limited: dict[int, int] = {}
        for found in GRAMMAR.find("hypothesis", tagged):
            (self._supposed if found.entry == "hypo" else self._asked_how).setdefault(
                self._sentence(found.start), found.start
            )
        for found in GRAMMAR.find("limit", tagged):
            self._limited[self._sentence(found.start)] = found.start

    def denial(self, request: Phrase, rule: str) -> str | None:
        """The rule by which a request is only supposed or limited. A listed request stands although it asks how."""
        sentence = self._sentence(request.start)
        if self._supposed.get(sentence, request.end) <= request.start or (
            rule == "reading" and self._asked_how.get(sentence, request.end) <= request.start
        ):
            return "hypothesis"
        return "limited_request" if self._limited.get(sentence, -1) >= request.start else None

    def _sentence(self, position: int) -> int:
        return bisect_left(self._ends, position)


def _mark(marks: bytearray, phrases: Iterable[Phrase]) -> bytearray:
    """Mark where the phrases stand."""
    for use in phrases:
        marks[use.start : use.end] = b"\1" * (use.end - use.start)
    return marks


def _doubtful(rule: str, matched: str | None) -> OptOutDecision | None:
    return None if matched is None else OptOutDecision(InboundMeaning.DOUBTFUL, rule, matched)


def _find_bare_keyword(passage: str, innocent: bytearray) -> OptOutDecision | None:
    for found in BARE.find(passage):
        if any(innocent[found.start : found.end]):
            continue
        if _is_negated(passage, found):
            return _doubtful("negated_keyword", found.entry)
        asked = _asked_in(corrected(passage))
        if asked is not None:
            return OptOutDecision(InboundMeaning.OPT_OUT, "request", asked)
        return _doubtful("keyword_in_sentence", found.entry)
    return None


def _find_doubtful(passage: str, tagged: Tagged, elsewhere: bytearray, disarmed: bytearray) -> OptOutDecision | None:
    for rule, phrases, innocent in (
        ("doubtful_phrase", _DOUBTFUL.find(passage), elsewhere),
        ("doubtful_reading", GRAMMAR.find("doubtful", tagged), disarmed),
    ):
        for found in phrases:
            if not any(innocent[found.start : found.end]):
                return _doubtful(rule, found.entry)
    return None


def _find_run_together(passage: str) -> OptOutDecision | None:
    apart = parted(joined(passage))
    asked = None if apart == passage else _asked_in(apart)
    return None if asked is None else OptOutDecision(InboundMeaning.OPT_OUT, "run_together", asked)


def _find_disguised(passage: str) -> OptOutDecision | None:
    """A keyword alone or a request, in slips that are no words and digits for letters ("St0p", "sotp texting me")."""
    plain = undisguised(passage)
    if plain == passage:
        return None
    tagged = GRAMMAR.tag(plain)
    asked, denied = _find_requests(plain, tagged, _mark(bytearray(len(plain)), _INNOCENT.find(plain)))
    if not denied:
        keyword = keyword_of(plain.replace(". ", "").replace("\n", " "))
        if keyword is not None:
            asked.append(_Found("keyword", keyword, len(plain)))
    decision = None if denied else _unless_contrary(plain, asked)
    return decision and OptOutDecision(decision.meaning, "disguised", decision.matched)


def _find_misspelt_request(passage: str) -> OptOutDecision | None:
    right = corrected(passage)
    return None if right == passage else _doubtful("misspelt_request", _asked_in(right))


def _asked_in(passage: str) -> str | None:
    """The entry that asks to stop in a passage written anew."""
    keyword = next(_find_keywords(passage), None)
    return _requested_in(passage) if keyword is None else keyword.matched


def _requested_in(passage: str) -> str | None:
    asked, _ = _find_requests(passage, GRAMMAR.tag(passage), _mark(bytearray(len(passage)), _INNOCENT.find(passage)))
    return asked[0].matched if asked else None


def _is_negated(passage: str, phrase: Phrase) -> bool:
    before = passage[max(0, phrase.start - _LONGEST_NEGATION) : phrase.start]
    return _NEGATIONS[phrase.language].search(before) is not None and not _DENIALS[phrase.language].match(
        passage, phrase.start
    )


def _choices(language: str, kind: str) -> str:
    phrases = sorted(LANGUAGES[language][kind], key=lambda phrase: -len(phrase))
    return "|".join(expression(phrase, language) for phrase in phrases) or "(?!)"


_LINK: Final = re.compile(r"https?://[^\s\"”»]+", re.IGNORECASE)
_ENDS: Final = re.compile(r"[.\n]")
_WORD: Final = re.compile(r"[^\s.]+")
_PAUSING: Final = frozenset({InboundMeaning.OPT_OUT, InboundMeaning.DOUBTFUL})

# A reading that begins with a denial is not denied by one before it ("I don't want no more texts").
_DENYING: Final = ("dont", "nomore", "no ")

_REQUESTS: Final = Phrases(listed("requests"))
_INNOCENT: Final = Phrases(listed("innocent"))
_DOUBTFUL: Final = Phrases(listed("doubtful"))
_CONTRARY: Final = Phrases(listed("contrary"))
_NEGATIONS: Final = {
    language: re.compile(
        rf"(?<!\S)(?:{_choices(language, 'negations')})(?:{_choices(language, 'negation_links')}){{0,4}}\Z"
    )
    for language in LANGUAGES
}
# A request that is itself a negation ("don't text me") is not denied by one before it ("no, don't text me").
_DENIALS: Final = {language: re.compile(_choices(language, "negations")) for language in LANGUAGES}

_OPT_IN: Final = {" ".join(split_words(entry)): entry for entry in LEXICON["opt_in"]}
_HELP: Final = {" ".join(split_words(entry)): entry for entry in LEXICON["help"]}
_GLUED_OPT_IN: Final = {compact(entry): entry for entry in LEXICON["opt_in"] if len(entry) >= _SHORTEST_GLUED_OPT_IN}
