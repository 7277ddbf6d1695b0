"""A second opinion on texts in which the word lists and the grammar found nothing: would people have paused for it?

A linear model over the pieces of the passage: words, pairs of words, and what stands in a word in two to five bytes.
Each piece falls into one of many buckets by its checksum, a bucket has a weight, and the weights come from labelled
texts (`python -m tests.tools.train_second_opinion`). It may only pause, never opt out.
"""

import json
from array import array
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Final
from zlib import crc32

BUCKETS: Final = 1 << 16
_PIECES: Final = range(2, 6)
_MOST_BYTES: Final = 400
_FILE: Final = Path(__file__).parent.parent / "data" / "opt_out_second_opinion.json"


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
    """The buckets that a passage's pieces fall into; of a long passage, those of its two ends."""
    if len(passage) > 2 * _MOST_BYTES:
        passage = f"{passage[:_MOST_BYTES]} {passage[-_MOST_BYTES:]}"
    words = passage.replace(". ", "").encode("utf-8", "replace").split()
    pieces = {b"%b %b" % pair for pair in pairwise([b"", *words, b""])}
    pieces.update(words)
    for word in set(words):
        padded = b"<%b>" % word
        pieces.update(padded[start : start + length] for length in _PIECES for start in range(len(padded) - length + 1))
    return {crc32(piece) % BUCKETS for piece in pieces} if words else set()


@lru_cache(maxsize=1)
def _load() -> Model:
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    return Model(array("b", b64decode(data["weights"])), data["scale"], data["bias"], data["threshold"])
