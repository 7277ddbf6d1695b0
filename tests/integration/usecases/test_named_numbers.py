"""A text about somebody else opts nobody out by itself: a person sees both numbers and says whose texts are to end."""

import pytest

from services.core.domain.failures import Conflict, RefusedInput
from services.core.domain.opt_out import OptOutDecision
from services.core.domain.opt_outs import InboundMeaning
from services.core.domain.third_party import about_whom, asks_for_somebody, numbers_in
from services.core.usecases.contacts.reviews import decide_review, list_reviews
from services.core.views.reviews import Decide, Review, ReviewDecision
from tests.tools.world import World, new_number

BY = "maria"
STOP = OptOutDecision(InboundMeaning.OPT_OUT, "request")


@pytest.mark.parametrize(
    "written",
    [
        "617-555-0162",
        "(617) 555-0162",
        "617.555.0162",
        "617 555 0162",
        "6175550162",
        "+1 617 555 0162",
        "1-617-555-0162",
        "６１７－５５５－０１６２",
        "٦١٧٥٥٥٠١٦٢",
        "tel:+16175550162",
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "please stop texting my dad at {}",
        "STOP {}",
        "no mande más mensajes a mi papá: {}",
        "não mande mais mensagens para {}",
        "arrêtez d'écrire à {}.",
        "请不要再给{}发短信",
        "{}: remove it, and 212-555-0199 is me",
    ],
)
def test_a_number_is_found_in_any_form_and_language(text: str, written: str) -> None:
    found = numbers_in(text.format(written))
    assert found[0] == "+16175550162"
    assert about_whom(STOP, text.format(written), sender="+12125550199").meaning is InboundMeaning.DOUBTFUL
    assert numbers_in(text.format("")) == found[1:]


@pytest.mark.parametrize(
    "text", ["STOP", "stop texting me at (212) 555-0199", "stop, order 4025 of 2026-03-30", "stop 802555018²"]
)
def test_ones_own_number_and_other_figures_name_nobody(text: str) -> None:
    assert about_whom(STOP, text, sender="+12125550199") == STOP


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("please stop texting my dad", True),
        ("Leave my wife alone", True),
        ("take my mother's number off", True),
        ("no le escriba a mi mamá", True),
        ("deje de enviar mensajes a mi mamá", True),
        ("arrêtez d'écrire à ma mère", True),
        ("stop, my dad is ill", False),
        ("Stop. My wife has called you already", False),
        ("stop texting me", False),
    ],
)
def test_a_request_for_somebody_is_told_from_one_that_mentions_somebody(text: str, expected: bool) -> None:
    assert asks_for_somebody(text) is expected


def decide(world: World, review: Review, **wanted: object) -> Review:
    return decide_review(world.console, review.review_id, Decide.read(**wanted), by=BY)


class TestTheReview:
    def asked(self, world: World, said: str) -> Review:
        world.receive(world.text_from(new_number(), said))
        return list_reviews(world.console, after=0, limit=10).items[-1]

    def state(self, world: World, number: str) -> tuple[bool, bool]:
        found = world.value("SELECT id FROM contacts WHERE e164 = :e164", e164=number)
        person = world.person(found)
        return person.opted_out_at is not None, person.paused_at is not None

    def test_it_shows_both_numbers_and_decides_about_the_named_one(self, world: World) -> None:
        father = new_number()
        waiting = world.message(father)
        review = self.asked(world, f"please stop texting my dad at {father[2:5]}-{father[5:8]}-{father[8:]}")

        assert (review.named, review.rule) == ([father], "names_another_number")
        assert self.state(world, review.e164) == (False, True)
        decided = decide(world, review, decision=ReviewDecision.OPT_OUT_OTHER)

        assert decided.decision == "opt_out_other"
        assert self.state(world, review.e164) == (False, False)
        assert self.state(world, father) == (True, False)
        assert (world.status(waiting), world.row(waiting).reason) == ("skipped", "opted_out")
        with pytest.raises(Conflict):
            decide(world, review, decision=ReviewDecision.OPT_OUT)

    def test_whose_number_it_is_may_be_said_by_whoever_decides(self, world: World) -> None:
        father = new_number()
        review = self.asked(world, "please stop texting my dad")
        assert (review.named, review.rule) == ([], "about_somebody_else")

        for phone, code in ((None, "phone_missing"), ("12", "number_refused"), (review.e164, "phone_is_the_senders")):
            with pytest.raises(RefusedInput) as refused:
                decide(world, review, decision=ReviewDecision.OPT_OUT_OTHER, phone=phone)
            assert (refused.value.code, refused.value.pointer) == (code, "/phone")
        with pytest.raises(RefusedInput):
            decide(world, review, decision=ReviewDecision.KEEP, phone=father)
        assert self.state(world, review.e164) == (False, True)

        decide(world, review, decision=ReviewDecision.OPT_OUT_OTHER, phone=f"({father[2:5]}) {father[5:]}")
        assert self.state(world, father) == (True, False)

    def test_of_several_named_numbers_one_is_to_be_said(self, world: World) -> None:
        review = self.asked(world, "STOP texting 617-555-0162, call me at 617-555-0163")
        with pytest.raises(RefusedInput, match=r"\+16175550162, \+16175550163"):
            decide(world, review, decision=ReviewDecision.OPT_OUT_OTHER)
