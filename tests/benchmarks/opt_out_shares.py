"""The opt-out decision over texts that people labelled, as shares: `python -m tests.benchmarks.opt_out_shares`.

Counts only: the held-out texts were never looked at while the rules were written, and are not shown.
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
HELD_OUT = "opt_out_heldout_sixth"
"""Counted here alone, by hand: whoever tunes until it looks better has learnt from it (`data/README.md`)."""
MEANT = (InboundMeaning.OPT_OUT, "plain", "indirect", InboundMeaning.DOUBTFUL, InboundMeaning.NONE)
DECIDED = (InboundMeaning.OPT_OUT, InboundMeaning.DOUBTFUL, InboundMeaning.NONE)
PAUSING = (InboundMeaning.OPT_OUT, InboundMeaning.DOUBTFUL)

Counts = Counter[tuple[str, InboundMeaning]]


def decided(corpus: str) -> Counts:
    """How many texts of a corpus people meant as one thing and we decide as another (or the same)."""
    counts: Counts = Counter()
    for line in (DATA / f"{corpus}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        meaning = decide_opt_out(row["text"]).meaning
        counts[row["expected"], meaning] += 1
        if row["expected"] == InboundMeaning.OPT_OUT and "plain" in row:
            counts["plain" if row["plain"] else "indirect", meaning] += 1
    return counts


def count(counts: Counts, meant: str, *meanings: InboundMeaning) -> int:
    """The number of texts meant as one thing that are decided as one of `meanings`."""
    return sum(counts[meant, meaning] for meaning in meanings)


def measured() -> Iterator[str]:
    yield (
        f"{'corpus':<23}{'meant as':<10}{'texts':>6}" + "".join(f"{meaning:>10}" for meaning in DECIDED) + "    paused"
    )
    for corpus in (*CORPORA, HELD_OUT):
        counts = decided(corpus)
        for meant in MEANT:
            total = count(counts, meant, *InboundMeaning)
            if total:
                numbers = "".join(f"{counts[meant, meaning]:>10}" for meaning in DECIDED)
                yield f"{corpus:<23}{meant:<10}{total:>6}{numbers}{count(counts, meant, *PAUSING) / total:>10.1%}"


if __name__ == "__main__":
    for line in measured():
        sys.stdout.write(f"{line}\n")
