"""What came of a campaign: counted by variant, recipient by recipient, as CSV, and cloned for whom it failed."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from services.core.domain.comparison import Verdict
from services.core.domain.failures import Conflict, NotFound
from services.core.usecases.campaigns.cancel import cancel_campaign
from services.core.usecases.campaigns.clone import clone_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.results import campaign_results, export_recipients, list_recipients
from services.core.views.campaigns import Results
from tests.tools.world import WITH_STOP, World, new_number

SPLIT: dict[str, Any] = {"template_b": f"B {WITH_STOP}", "split_percent_b": 50}


def counted(results: Results, name: str) -> int:
    return sum(getattr(variant, name) for variant in results.variants)


class TestResults:
    def test_states_replies_and_opt_outs_by_variant(self, world: World) -> None:
        campaign_id = world.campaign(people=8, **SPLIT)
        messages = world.rows_of(campaign_id)
        assert {message.variant for message in messages} == {"a", "b"}
        world.send(*(message.id for message in messages[:6]))
        for message in messages[:4]:
            world.receive(world.receipt_for("delivered", message.id))
        world.receive(world.receipt_for("undelivered", messages[4].id))
        world.move(minutes=10)
        world.receive(world.text_from(messages[0].e164, "yes please"))
        world.receive(world.text_from(messages[0].e164, "on Monday?"))
        world.receive(world.text_from(messages[1].e164, "STOP"))
        results = campaign_results(world.console, campaign_id)
        names = ("messages", "delivered", "sent", "undelivered", "open", "opt_outs")
        assert [counted(results, name) for name in names] == [8, 4, 1, 1, 2, 1]
        (answered,) = [variant for variant in results.variants if variant.response.responses]
        assert (answered.variant, answered.response.responses) == (messages[0].variant, 1)
        assert timedelta(minutes=9) < (answered.time_to_reply or timedelta()) < timedelta(minutes=12)
        assert results.comparison is not None
        assert results.comparison.verdict is Verdict.NOT_ENOUGH_DATA

    def test_one_text_is_compared_with_nothing(self, world: World) -> None:
        results = campaign_results(world.console, world.campaign(people=1))
        assert (results.comparison, [variant.variant for variant in results.variants]) == (None, ["a"])

    def test_unknown(self, world: World) -> None:
        with pytest.raises(NotFound):
            campaign_results(world.console, 99)


class TestRecipients:
    def test_everybody_with_a_state_and_a_reason(self, world: World) -> None:
        opted_out, gone, fine = new_number(), new_number(), new_number()
        for number in (opted_out, gone, fine):
            world.contact(number)
        world.receive(world.text_from(opted_out, "STOP"))
        draft = world.campaign(started=False)
        assert {row.e164: (row.state, row.reason) for row in list_recipients(world.console, draft).items} == {
            opted_out: ("excluded", "opted_out"),
            gone: ("planned", None),
            fine: ("planned", None),
        }
        (excluded,) = list_recipients(world.console, draft, excluded_only=True).items
        assert (excluded.e164, excluded.body) == (opted_out, None)

    def test_pages(self, world: World) -> None:
        campaign_id = world.campaign(people=5, started=False)
        first = list_recipients(world.console, campaign_id, limit=3)
        rest = list_recipients(world.console, campaign_id, limit=3, after=first.next or 0)
        assert ([len(page.items) for page in (first, rest)], rest.next) == ([3, 2], None)

    def test_export_has_every_recipient_and_no_formula(self, world: World) -> None:
        campaign_id = world.campaign(people=3)
        first, second, _ = world.rows_of(campaign_id)
        world.send(first.id)
        world.receive(world.receipt_for("delivered", first.id))
        world.execute("UPDATE messages SET status = 'failed', reason = '=1+1' WHERE id = :id", id=second.id)
        written = b"".join(export_recipients(world.console, campaign_id, by="maria")).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(written)))
        states = [(row["state"], row["reason"]) for row in rows]
        assert states == [("delivered", ""), ("failed", "'=1+1"), ("pending", "")]
        assert rows[0]["phone"] == first.e164


class TestClone:
    def test_the_same_but_a_draft(self, world: World) -> None:
        campaign_id = world.campaign(people=2, daily_cap=7, **SPLIT)
        clone = clone_campaign(world.console, campaign_id, name="again", by="maria")
        assert (clone.status, clone.messages, clone.plan) == ("draft", {}, None)
        assert plan_campaign(world.console, clone.campaign_id, by="maria").recipients == 2
        with pytest.raises(Conflict, match="has this name"):
            clone_campaign(world.console, campaign_id, name="again", by="maria")

    def test_only_whom_it_failed_to_reach(self, world: World) -> None:
        campaign_id = world.campaign(people=4)
        delivered, failed, undelivered, _ = world.rows_of(campaign_id)
        world.send(delivered.id, failed.id, undelivered.id)
        for kind, message in (("delivered", delivered), ("failed", failed), ("undelivered", undelivered)):
            world.receive(world.receipt_for(kind, message.id))
        with pytest.raises(Conflict, match="when it is over"):
            clone_campaign(world.console, campaign_id, name="again", only_failed=True, by="maria")
        cancel_campaign(world.console, campaign_id, by="maria")
        clone = clone_campaign(world.console, campaign_id, name="again", only_failed=True, by="maria")
        plan_campaign(world.console, clone.campaign_id, by="maria")
        planned = {row.e164 for row in list_recipients(world.console, clone.campaign_id).items}
        assert planned == {failed.e164, undelivered.e164}

    def test_the_other_text_still_counts_against_the_frequency_cap(self, world: World) -> None:
        campaign_id = world.campaign(people=1)
        (message,) = world.rows_of(campaign_id)
        world.send(message.id)
        world.receive(world.receipt_for("failed", message.id))
        cancel_campaign(world.console, campaign_id, by="maria")
        world.campaign(name="again", audience={"failed_of": campaign_id})
        again = world.row(message.id + 1)
        world.send(again.id)
        assert (again.e164, world.status(again.id), len(world.texts(message.e164))) == (message.e164, "pending", 1)
