"""The shares of labelled texts that the opt-out decision gets right, as floors under every change."""

import pytest

from services.core.domain.opt_outs import InboundMeaning
from tests.benchmarks.opt_out_shares import CORPORA, PAUSING, decided, share

# Stops: paused at least, and opted out at least; the innocent: paused at most; the doubtful: paused at least.
FLOORS = {
    "opt_out_learnt": (1.0, 0.93, 0.0, 0.92),
    "opt_out_learnt_second": (1.0, 0.92, 0.035, 0.91),
    "opt_out_own": (1.0, 0.96, 0.02, 0.93),
    "opt_out_learnt_third": (0.98, 0.81, 0.087, 0.89),
    "opt_out_learnt_fourth": (0.94, 0.75, 0.054, 0.75),
    "opt_out_learnt_fifth": (0.88, 0.52, 0.031, 0.56),
    "opt_out_heldout": (0.85, 0.64, 0.027, 0.61),
}


@pytest.mark.parametrize("corpus", CORPORA)
def test_labelled_texts_are_decided_as_well_as_ever(corpus: str) -> None:
    counts = decided(corpus)
    heeded, plain, innocent, doubtful = FLOORS[corpus]
    assert share(counts, "opt_out", *PAUSING) >= heeded
    assert share(counts, "opt_out", InboundMeaning.OPT_OUT) >= plain
    assert share(counts, "none", *PAUSING) <= innocent
    assert share(counts, "doubtful", *PAUSING) >= doubtful


@pytest.mark.parametrize("corpus", CORPORA)
def test_no_stop_is_taken_for_help_or_an_opt_in(corpus: str) -> None:
    counts = decided(corpus)
    assert counts["opt_out", InboundMeaning.HELP] == counts["opt_out", InboundMeaning.OPT_IN] == 0
