"""The opt-out decision over texts that people labelled, as shares: `python -m tests.benchmarks.opt_out_shares`.

Counts only: the texts of `opt_out_heldout.jsonl` were never looked at while the rules were written, and are not shown.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from services.core.domain.opt_out import decide_opt_out
from services.core.domain.opt_outs import InboundMeaning

DATA = Path(__file__).parents[1] / "unit" / "core" / "domain" / "data"
CORPORA = (
    *("opt_out_learnt", "opt_out_learnt_second", "opt_out_learnt_third", "opt_out_learnt_fourth"),
    *("opt_out_learnt_fifth", "opt_out_own", "opt_out_own_second", "opt_out_heldout"),
)
EXPECTED = (InboundMeaning.OPT_OUT, InboundMeaning.DOUBTFUL, InboundMeaning.NONE)
PAUSING = (InboundMeaning.OPT_OUT, InboundMeaning.DOUBTFUL)


def decided(corpus: str) -> Counter[tuple[str, InboundMeaning]]:
    """How many texts of a corpus people meant as one thing and we decide as another (or the same)."""
    lines = (DATA / f"{corpus}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines)
    return Counter((row["expected"], decide_opt_out(row["text"]).meaning) for row in rows)


def count(counts: Counter[tuple[str, InboundMeaning]], expected: str, *meanings: InboundMeaning) -> int:
    return sum(counts[expected, meaning] for meaning in meanings)


def share(counts: Counter[tuple[str, InboundMeaning]], expected: str, *meanings: InboundMeaning) -> float:
    """The share of the texts expected to be one thing that are decided as one of `meanings`."""
    total = sum(number for (meant, _), number in counts.items() if meant == expected)
    return count(counts, expected, *meanings) / total


def measured() -> Iterator[str]:
    yield (
        f"{'corpus':<23}{'meant as':<10}{'texts':>6}" + "".join(f"{meaning:>10}" for meaning in EXPECTED) + "    paused"
    )
    for corpus in CORPORA:
        counts = decided(corpus)
        for expected in EXPECTED:
            total = sum(number for (meant, _), number in counts.items() if meant == expected)
            numbers = "".join(f"{counts[expected, meaning]:>10}" for meaning in EXPECTED)
            yield f"{corpus:<23}{expected:<10}{total:>6}{numbers}{share(counts, expected, *PAUSING):>10.1%}"


if __name__ == "__main__":
    for line in measured():
        sys.stdout.write(f"{line}\n")
