"""What came of a campaign: counted by variant, recipient by recipient, as CSV, and cloned for whom it failed."""

import csv
import io
from datetime import datetime, time, timedelta
from itertools import product
from typing import Any

import pytest

from services.core.domain.campaigns import RecipientState
from services.core.domain.comparison import Verdict
from services.core.domain.failures import Conflict, NotFound
from services.core.domain.sending_window import next_business_day
from services.core.usecases.campaigns.cancel import cancel_campaign
from services.core.usecases.campaigns.clone import clone_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.results import campaign_results, export_recipients, list_recipients
from services.core.views.campaigns import Results
from tests.tools.world import WITH_STOP, ZONE, World, new_number

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

    @pytest.mark.parametrize("is_cancelled", [False, True])
    def test_any_conditions_may_be_asked_for_together(self, world: World, *, is_cancelled: bool) -> None:
        world.contact()
        campaign_id = world.campaign()
        if is_cancelled:
            cancel_campaign(world.console, campaign_id, by="maria")
        for state, reason, excluded_only, deferred_only in product(
            (None, *RecipientState), (None, "opted_out", "contact_frequency"), (False, True), (False, True)
        ):
            found = list_recipients(
                world.console,
                campaign_id,
                state=state,
                reason=reason,
                excluded_only=excluded_only,
                deferred_only=deferred_only,
            )
            assert all(state in (None, row.state) for row in found.items)

    @pytest.mark.parametrize("is_cancelled", [False, True])
    def test_each_is_found_by_the_state_and_the_reason_that_it_is_shown_with(
        self, world: World, *, is_cancelled: bool
    ) -> None:
        tomorrow = next_business_day(world.now().astimezone(ZONE).date())
        world.move_to(datetime.combine(tomorrow, time(10), ZONE))
        texted, gone, nameless, far, waits = (new_number() for _ in range(5))
        world.contact(texted, first_name="Ada")
        (earlier,) = world.rows_of(world.campaign())
        world.send(earlier.id)
        world.contact(gone, first_name="Ada", opted_out_at=world.now())
        world.contact(nameless)
        world.contact(far, first_name="Ada", suppressed_reason="landline")
        world.contact(waits, first_name="Ada", state="HI")
        for status in ("failed", "delivered", "held"):
            world.contact(first_name=status)
        text = "Dear {{first_name}}, reply STOP to opt out."
        campaign_id = world.campaign(template_a=text)
        for message in world.rows_of(campaign_id)[2:]:
            status = str(message.body).removeprefix("Dear ").partition(",")[0]
            world.execute("UPDATE messages SET status = :to, reason = 'x' WHERE id = :id", to=status, id=message.id)
        world.execute("UPDATE messages SET not_before = product_now() WHERE status = 'pending'")
        for message in world.rows_of(campaign_id):
            world.send(message.id)
        unmade = world.rows_of(campaign_id)[0]
        world.execute("DELETE FROM decisions WHERE message_id = :id", id=unmade.id)
        world.execute("DELETE FROM messages WHERE id = :id", id=unmade.id)
        if is_cancelled:
            cancel_campaign(world.console, campaign_id, by="maria")

        rows = list_recipients(world.console, campaign_id).items
        states = {row.state for row in rows}
        assert states >= {"excluded", "failed", "delivered", "held"} | ({"skipped"} if is_cancelled else {"pending"})
        for state in RecipientState:
            found = list_recipients(world.console, campaign_id, state=state).items
            assert found == [row for row in rows if row.state == state], state
        reasons = {row.reason for row in rows if row.reason is not None}
        assert len(reasons) > 4
        for reason in reasons:
            found = list_recipients(world.console, campaign_id, reason=reason).items
            assert found == [row for row in rows if row.reason == reason], reason
        assert [row.e164 for row in list_recipients(world.console, campaign_id, reason="missing_fields").items] == [
            nameless
        ]
        assert not list_recipients(world.console, campaign_id, reason="no_such%").items

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
