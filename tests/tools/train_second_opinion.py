"""Learns the weights of the opt-out's second opinion: `python -m tests.tools.train_second_opinion` (minutes).

Logistic regression by stochastic descent with L2, in plain Python and with a fixed seed: the same texts give the same
file. The threshold is chosen on writers the model has not met: the texts of each of `WRITERS` are scored by a model
learnt from all the others, and the threshold is where `MOST_PAUSED` of their innocent texts would be paused by it.
The held-out texts take no part.
"""

import json
import sys
from array import array
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import exp, sqrt
from pathlib import Path
from random import Random

from services.core.domain.opt_out.decision import NOTHING_SAID, decide_by_rules
from services.core.domain.opt_out.second_opinion import BUCKETS, buckets_of
from services.core.domain.opt_outs import InboundMeaning
from tests.benchmarks.opt_out_shares import PAUSING

DATA = Path(__file__).parents[1] / "unit" / "core" / "domain" / "data"
FILE = Path(__file__).parents[2] / "services" / "core" / "domain" / "data" / "opt_out_second_opinion.json"
WRITERS = {
    "first": ("opt_out_learnt", "opt_out_learnt_third"),
    "second": ("opt_out_learnt_second",),
    "fourth": ("opt_out_learnt_fourth",),
    "fifth": ("opt_out_learnt_fifth",),
    "own": ("opt_out_own_second",),
}
LEARNT = ("opt_out_own", *(corpus for corpora in WRITERS.values() for corpus in corpora))
MOST_PAUSED = 0.015
EPOCHS = 12
OFTEN = 6
"""What the rules' own tests call innocent is learnt so often: there a mistake is known to be one."""
RATE = 2.0
DECAY = 0.02
LARGEST = 127


@dataclass(frozen=True, slots=True)
class Text:
    buckets: tuple[int, ...]
    expected: str
    meaning: InboundMeaning  # of the rules alone
    is_silent: bool  # they found nothing, so the second opinion is asked

    @property
    def pauses(self) -> bool:
        return self.expected != InboundMeaning.NONE


@lru_cache
def texts_of(corpus: str) -> list[Text]:
    rows = map(json.loads, (DATA / f"{corpus}.jsonl").read_text(encoding="utf-8").splitlines())
    return [_text(row["text"], row["expected"]) for row in rows]


def written_by(writer: str) -> list[Text]:
    return [text for corpus in WRITERS[writer] for text in texts_of(corpus)]


def innocents() -> list[Text]:
    """The innocent texts of the rules' own tests."""
    corpus = json.loads((DATA / "opt_out_corpus.json").read_text(encoding="utf-8"))
    known = [_text(text, InboundMeaning.NONE) for texts in corpus["none"].values() for text in texts]
    return known * OFTEN


def _text(text: str, expected: str) -> Text:
    decision, passage = decide_by_rules(text)
    buckets = sorted(buckets_of(passage))
    return Text(tuple(buckets), expected, decision.meaning, decision.rule == NOTHING_SAID)


def learn(texts: Iterable[Text]) -> tuple[list[float], float]:
    """The weights by bucket, and the bias."""
    weights, bias = [0.0] * BUCKETS, 0.0
    order = [text for text in texts if text.buckets]
    random = Random(1)
    for epoch in range(EPOCHS):
        random.shuffle(order)
        rate = RATE / (1 + epoch / 3)
        for text in order:
            norm = sqrt(len(text.buckets))
            score = sum(map(weights.__getitem__, text.buckets)) / norm + bias
            slope = rate * (text.pauses - 1 / (1 + exp(-score)))
            bias += slope / 50
            step = slope / norm
            for bucket in text.buckets:
                weights[bucket] += step
        kept = 1 - DECAY * rate
        weights = [weight * kept for weight in weights]
    return weights, bias


def score(weights: list[float], bias: float, text: Text) -> float:
    return sum(map(weights.__getitem__, text.buckets)) / sqrt(len(text.buckets)) + bias


def unmet() -> dict[str, list[tuple[float, Text]]]:
    """Each writer's texts in which the rules found nothing, scored by a model that has met none of them."""
    scored = {}
    for writer, corpora in WRITERS.items():
        others = [text for corpus in LEARNT if corpus not in corpora for text in texts_of(corpus)]
        weights, bias = learn([*others, *innocents()])
        scored[writer] = [
            (score(weights, bias, text), text) for text in written_by(writer) if text.is_silent and text.buckets
        ]
    return scored


def threshold_of(scored: dict[str, list[tuple[float, Text]]], most: float) -> float:
    innocent = sorted((each for texts in scored.values() for each, text in texts if not text.pauses), reverse=True)
    total = sum(not text.pauses for writer in WRITERS for text in written_by(writer))
    return innocent[int(most * total)]


def report(scored: dict[str, list[tuple[float, Text]]], threshold: float) -> None:
    """Shares on unmet writers, before and after: stops heeded, doubtful found, innocents paused."""
    for writer, texts in scored.items():
        for expected in ("opt_out", "doubtful", "none"):
            everything = [text for text in written_by(writer) if text.expected == expected]
            before = sum(text.meaning in PAUSING for text in everything)
            more = sum(each > threshold for each, text in texts if text.expected == expected)
            total = len(everything)
            sys.stdout.write(f"{writer:<10}{expected:<10}{before / total:>8.1%}{(before + more) / total:>8.1%}\n")


def write(weights: list[float], bias: float, threshold: float) -> None:
    scale = max(map(abs, weights)) / LARGEST
    small = array("b", (round(weight / scale) for weight in weights))
    data = {
        "scale": round(scale, 9),
        "bias": round(bias, 6),
        "threshold": round(threshold, 6),
        "weights": b64encode(small.tobytes()).decode(),
    }
    FILE.write_text(f"{json.dumps(data, indent=1)}\n", encoding="utf-8")


def main() -> None:
    scored = unmet()
    threshold = threshold_of(scored, MOST_PAUSED)
    report(scored, threshold)
    everything = [text for corpus in LEARNT for text in texts_of(corpus)]
    write(*learn([*everything, *innocents()]), threshold)


if __name__ == "__main__":
    main()
