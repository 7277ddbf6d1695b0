"""A second opinion on texts in which the word lists and the grammar found nothing: would people have paused for it?

A linear model over what a passage is made of: its words and pairs of words, how longer words begin, and the kinds that
its words are of (those of the grammar and of `opt_out_concepts.json`), alone and two in a row with few words between.
A kind means the same in six languages, so what is learnt of a farewell in one is known in all. Each of these falls into
one of many buckets, a bucket has a weight, and the weights come from labelled texts
(`python -m tests.tools.train_second_opinion`). It may only pause, never opt out.
"""

import json
from array import array
from base64 import b64decode
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Final
from zlib import crc32

from services.core.domain.opt_out.grammar import phrases_of
from services.core.domain.opt_out.lexicon import load_concepts, load_grammar

BUCKETS: Final = 1 << 16
_BEGINNINGS: Final = (4, 5)
_REACH: Final = 4
"""How many words on from one of a kind another still makes a pair with it."""
_MOST_LETTERS: Final = 400
_FILE: Final = Path(__file__).parent.parent / "data" / "opt_out_second_opinion.json"

# By its first word: the rest of a phrase, and a number for each kind that it is of in any language.
_Phrases = dict[str, list[tuple[tuple[str, ...], frozenset[int]]]]


@dataclass(frozen=True, slots=True)
class Model:
    """A weight in [-127, 127] by bucket, what one of them stands for, and the score from which a text is paused."""

    weights: Sequence[int]
    scale: float
    bias: float
    threshold: float


def would_pause(passage: str) -> bool:
    """Whether a passage reads like those for which people were paused. Bounded work, whatever its length."""
    buckets = buckets_of(passage)
    if not buckets:
        return False
    model = _load()
    weight = sum(map(model.weights.__getitem__, buckets))
    return weight * model.scale / sqrt(len(buckets)) + model.bias >= model.threshold


def buckets_of(passage: str) -> set[int]:
    """The buckets that a passage falls into; of a long passage, those of its two ends."""
    if len(passage) > 2 * _MOST_LETTERS:
        passage = f"{passage[:_MOST_LETTERS]} {passage[-_MOST_LETTERS:]}"
    buckets = set(_kinds_in(passage.split()))
    words = passage.replace(". ", "").encode("utf-8", "replace").split()
    if words:
        pieces = {b"%b %b" % pair for pair in pairwise([b"", *words, b""])}
        pieces.update(words)
        pieces.update(b"%b-" % word[:length] for word in words for length in _BEGINNINGS if len(word) > length)
        buckets.update(crc32(piece) % BUCKETS for piece in pieces)
    return buckets


def _kinds_in(words: list[str]) -> Iterator[int]:
    """A bucket for each kind that a word or phrase is of, and for each two within reach, in their order."""
    before: deque[set[int]] = deque(maxlen=_REACH - 1)
    for position, word in enumerate(words):
        kinds: set[int] = set()
        for rest, its_kinds in _PHRASES.get(word, ()):
            if not rest or tuple(words[position + 1 : position + 1 + len(rest)]) == rest:
                kinds |= its_kinds
        for kind in kinds:
            yield kind % BUCKETS
            for earlier in before:
                for first in earlier:
                    yield (first * _FIRST + kind) % BUCKETS
        before.append(kinds)


def _phrases_by_first_word() -> _Phrases:
    grammar, concepts = load_grammar(), load_concepts()
    kinds: dict[tuple[str, ...], set[str]] = {}
    for each in (grammar["any"], *grammar["languages"].values(), *concepts.values()):
        for phrase, its_kinds in phrases_of(each).items():
            kinds.setdefault(phrase, set()).update(its_kinds)
    phrases: _Phrases = {}
    for phrase, its_kinds in kinds.items():
        numbers = frozenset(crc32(f"kind {kind}".encode()) for kind in its_kinds)
        phrases.setdefault(phrase[0], []).append((phrase[1:], numbers))
    return phrases


@lru_cache(maxsize=1)
def _load() -> Model:
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    return Model(array("b", b64decode(data["weights"])), data["scale"], data["bias"], data["threshold"])


_FIRST: Final = 31
_PHRASES: Final = _phrases_by_first_word()
