"""The second opinion on opt-outs: it may pause, never opts out; its work is bounded; its weights can be made again."""

import json
import random
from array import array
from base64 import b64decode

import pytest

from services.core.domain.opt_out import decide_opt_out, second_opinion
from services.core.domain.opt_out.decision import NOTHING_SAID, decide_by_rules
from services.core.domain.opt_out.second_opinion import buckets_of, would_pause
from services.core.domain.opt_outs import InboundMeaning
from tests.benchmarks.opt_out_shares import CORPORA, DATA
from tests.tools import train_second_opinion


@pytest.mark.parametrize("corpus", CORPORA)
def test_it_changes_nothing_but_silence_into_doubt(corpus: str) -> None:
    for line in (DATA / f"{corpus}.jsonl").read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["text"]
        (rules, _), decision = decide_by_rules(text), decide_opt_out(text)
        assert decision == rules or (rules.rule, decision.meaning) == (NOTHING_SAID, InboundMeaning.DOUBTFUL)


@pytest.mark.parametrize("text", ["", " ", "\u200b", "👍", "ok", "\ud800", "\0"])
def test_nothing_to_go_by_is_no_reason_to_pause(text: str) -> None:
    assert not would_pause(text)


def test_its_work_does_not_grow_with_the_text() -> None:
    words = [f"{random.Random(number).randrange(10**9)}" for number in range(20_000)]
    sizes = {len(buckets_of(" ".join(words[:count]))) for count in (500, 5_000, 20_000)}
    assert max(sizes) < 2 * min(sizes)


def test_the_ends_of_a_long_text_are_read() -> None:
    filler = "the wall is dry again and the stairs look fine "
    alone, behind = buckets_of("lose my digits buddy"), buckets_of(filler * 200 + "lose my digits buddy")
    assert len(alone & behind) > len(alone) // 2


def test_the_weights_are_what_the_texts_give(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = tmp_path_factory.mktemp("weights") / "weights.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_second_opinion, "FILE", made)
        train_second_opinion.main()
    kept, anew = json.loads(second_opinion._FILE.read_text()), json.loads(made.read_text())
    # Another machine's exponential may round otherwise.
    assert [anew[name] for name in ("scale", "bias", "threshold")] == pytest.approx(
        [kept[name] for name in ("scale", "bias", "threshold")], abs=1e-4
    ), "python -m tests.tools.train_second_opinion"
    one, other = (array("b", b64decode(data["weights"])) for data in (anew, kept))
    assert max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 1
