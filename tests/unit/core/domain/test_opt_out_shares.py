"""How many labelled texts the opt-out decision gets right, as floors under every change."""

from typing import NamedTuple

import pytest

from services.core.domain.opt_outs import InboundMeaning
from tests.benchmarks.opt_out_shares import CORPORA, PAUSING, count, decided


class Floors(NamedTuple):
    """Numbers of texts: at least so many stops heeded and opted out, and doubtful found; at most so many innocents."""

    heeded: int
    opted_out: int
    doubtful: int
    innocents_paused: int
    innocents_opted_out: int = 0


FLOORS = {
    "opt_out_learnt": Floors(159, 157, 52, 0),
    "opt_out_learnt_second": Floors(200, 194, 65, 3),
    "opt_out_learnt_third": Floors(160, 148, 51, 2),
    "opt_out_learnt_fourth": Floors(298, 240, 91, 2),
    "opt_out_learnt_fifth": Floors(256, 145, 133, 1),
    "opt_out_own": Floors(960, 935, 319, 11),
    "opt_out_own_second": Floors(213, 35, 124, 4),
    "opt_out_heldout": Floors(276, 194, 74, 6, 1),
}


@pytest.mark.parametrize("corpus", CORPORA)
def test_labelled_texts_are_decided_as_well_as_ever(corpus: str) -> None:
    counts, floors = decided(corpus), FLOORS[corpus]
    assert count(counts, "opt_out", *PAUSING) >= floors.heeded
    assert count(counts, "opt_out", InboundMeaning.OPT_OUT) >= floors.opted_out
    assert count(counts, "doubtful", *PAUSING) >= floors.doubtful
    assert count(counts, "none", *PAUSING) <= floors.innocents_paused
    assert count(counts, "none", InboundMeaning.OPT_OUT) <= floors.innocents_opted_out


@pytest.mark.parametrize("corpus", CORPORA)
def test_no_stop_is_taken_for_help_or_an_opt_in(corpus: str) -> None:
    counts = decided(corpus)
    assert counts["opt_out", InboundMeaning.HELP] == counts["opt_out", InboundMeaning.OPT_IN] == 0
