"""Makes a passage of a text: the person's own words by sentences, without quotes, reactions and signatures."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from services.core.domain.opt_out.lexicon import KEYWORDS, LEXICON, Phrases, spaced
from services.core.domain.text_folding import split_words

_MOST_SIGNATURE_WORDS: Final = 8

SENTENCE: Final = re.compile(r"[^.\n]+")
_SENTENCE_ENDS: Final = re.compile(r"[.!?]+")
_INSTRUCTIONS: Final = Phrases(("en", phrase) for phrase in LEXICON["instructions"])
_SIGNATURE: Final = Phrases(("en", phrase) for phrase in LEXICON["signatures"])

_REACTION: Final = re.compile(
    rf'^[^\w"\n]*(?:{spaced(LEXICON["reactions"])})[^\w"\n]*"(?P<quote>[^"]*)(?:"|\Z)', re.MULTILINE
)
_ORIGINAL: Final = re.compile(
    rf"^(?:(?=[^\n]*\d)(?:{spaced(LEXICON['quote_headers'])}) ?:|[-_ ]*(?:{spaced(LEXICON['quote_rules'])})[-_: ]*$"
    r"|from:[^\n]*\n(?:sent|to|date|subject):)(?P<quote>(?s:.*))",
    re.MULTILINE,
)
_QUOTED_LINES: Final = re.compile(r"^ *>(?P<quote>[^\n]*(?:\n *>[^\n]*)*)", re.MULTILINE)
_QUOTATION: Final = re.compile(r'"(?P<quote>[^"]*)"')
_REPLY_PREFIX: Final = re.compile(rf"^ *(?:(?:{spaced(LEXICON['reply_prefixes'])}) *: *)++", re.MULTILINE)


def cut_quotes(folded: str) -> tuple[str, list[str]]:
    """Part the person's own words from reactions, quoted originals and quoted instructions of ours."""
    quoted: list[str] = []

    def set_aside(quote: re.Match[str]) -> str:
        quoted.append(quote["quote"])
        return "\n"

    def set_aside_instruction(quote: re.Match[str]) -> str:
        passage = read(quote["quote"])
        return quote[0] if without_instructions(passage) == passage else set_aside(quote)

    own = _REACTION.sub(set_aside, folded)
    own = _ORIGINAL.sub(set_aside, own)
    own = _QUOTED_LINES.sub(set_aside, own)
    own = _QUOTATION.sub(set_aside_instruction, own)
    return _REPLY_PREFIX.sub("", own), quoted


def without_instructions(passage: str) -> str:
    """Leave out what our own texts say: "Reply STOP to ..." up to the end of its sentence."""

    def cut(sentence: re.Match[str]) -> str:
        for instruction in _INSTRUCTIONS.find(sentence[0]):
            keyword = KEYWORDS.first(sentence[0], instruction.end)
            if keyword is not None and keyword.start == instruction.end:
                return sentence[0][: instruction.start]
        return sentence[0]

    return SENTENCE.sub(cut, passage)


def read(folded: str) -> str:
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
    if len(tail.split()) > _MOST_SIGNATURE_WORDS or KEYWORDS.first(tail):
        return sentence
    return sentence[: signature.start]
