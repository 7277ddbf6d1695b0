"""A plan: everybody is in it once, with a text or a reason; what it costs, when it ends; and only it is started."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.core.domain.failures import Conflict
from services.core.domain.sending_window import next_business_day
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.results import list_recipients
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.contacts.confirm_import import confirm_import
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.usecases.contacts.opt_out import add_opt_out
from services.core.views.campaigns import Plan
from services.core.views.opt_outs import NewOptOut
from tests.tools.world import WITH_STOP, ZONE, World, new_number

Values = dict[str, Any]


def planned(world: World, **values: Any) -> Plan:
    campaign_id = world.campaign(started=False, **values)
    return plan_campaign(world.console, campaign_id, by="a test")


class TestExclusions:
    @pytest.mark.parametrize(
        ("contact", "template", "reason"),
        [
            ({"opted_out_at": datetime(2026, 3, 2, tzinfo=UTC)}, WITH_STOP, "opted_out"),
            ({"suppressed_reason": "landline"}, WITH_STOP, "suppressed:landline"),
            ({"paused_at": datetime(2026, 3, 2, tzinfo=UTC)}, WITH_STOP, "contact_paused_for_review"),
            ({"timezone": "Pacific/Guam"}, WITH_STOP, "no_common_hours"),
            ({}, f"{{{{city}}}}, {{{{first_name}}}}: {WITH_STOP}", "missing_fields:city,first_name"),
            ({"city": "x" * 1600}, f"{{{{city}}}} {WITH_STOP}", "text_too_long"),
        ],
    )
    def test_each_has_its_reason(self, world: World, contact: Values, template: str, reason: str) -> None:
        world.contact(**contact)
        plan = planned(world, template_a=template)
        assert (plan.recipients, plan.excluded) == (0, {reason.partition(":")[0]: 1})
        (row,) = list_recipients(world.console, plan.campaign_id, excluded_only=True).items
        assert (row.state, row.reason, row.body) == ("excluded", reason, None)
        assert (plan.segments, plan.cost_usd, plan.finish_at) == (0, Decimal(0), None)

    def test_recipients_and_excluded_are_the_audience(self, world: World) -> None:
        csv = "phone,first_name\n" + "".join(f"{new_number()},Ada\n" for _ in range(5))
        report = dry_run_import(world.console, [csv.encode()], file_name="list.csv", by="maria")
        confirm_import(world.console, report.import_id, by="maria")
        world.contact()  # not of this import
        plan = planned(world, audience={"import": report.import_id})
        assert plan.recipients + sum(plan.excluded.values()) == report.accepted == 5


class TestTexts:
    @pytest.mark.parametrize(
        ("name", "segments"),
        [("Ada", 1), ("Żółć", 1), ("A" * 160, 2), ("Ż" * 60, 2)],
    )
    def test_segments_and_cost_are_of_the_rendered_text(self, world: World, name: str, segments: int) -> None:
        world.contact(first_name=name)
        plan = planned(world)
        (row,) = list_recipients(world.console, plan.campaign_id).items
        assert row.body == f"Hello {name} from Acme. Reply STOP to opt out."
        assert (plan.segments, row.segments, plan.cost_usd) == (segments, segments, Decimal("0.01") * segments)

    def test_the_split_is_counted(self, world: World) -> None:
        plan = planned(world, people=40, template_b=f"B {WITH_STOP}", split_percent_b=50)
        assert sum(plan.variants.values()) == 40
        assert min(plan.variants.values()) > 5


class TestFinish:
    """Product time begins on a business day at 13:00 New York, so that the window has four hours left."""

    @pytest.mark.parametrize(
        ("values", "people", "after"),
        [
            ({"batch_size": 2, "batch_every": timedelta(minutes=30)}, 2, timedelta(0)),
            ({"batch_size": 2, "batch_every": timedelta(minutes=30)}, 6, timedelta(hours=1)),
            ({"batch_size": 1, "batch_every": timedelta(hours=1), "daily_cap": 3}, 3, timedelta(hours=2)),
        ],
    )
    def test_today(self, world: World, values: Values, people: int, after: timedelta) -> None:
        finish_at = planned(world, people=people, **values).finish_at
        assert finish_at is not None
        assert abs(finish_at - world.now() - after) < timedelta(minutes=2)

    @pytest.mark.parametrize(
        "options", [{"number_daily_cap": 2}, {"account_daily_cap": 2}], ids=lambda options: next(iter(options))
    )
    def test_the_tightest_cap_counts_with_what_it_has_used_today(
        self, make_world: Callable[..., World], options: Values
    ) -> None:
        world = make_world(**options, contact_frequency=timedelta(0))
        (message,) = world.rows_of(world.campaign(people=1))
        world.send(message.id)
        plan = planned(world, people=2, audience={"all": True}, daily_cap=100)
        assert plan.recipients == 3  # one today, then two on the next business day from 9:00
        assert plan.finish_at is not None
        local = plan.finish_at.astimezone(ZONE)
        assert (local.hour, local.minute) == (9, 0)
        assert local.date() > world.now().astimezone(ZONE).date()


class TestPutOff:
    """Who is put off by the hours of where they live is listed among those who wait, with the reason."""

    def test_legal_hours(self, world: World) -> None:
        tomorrow = next_business_day(world.now().astimezone(ZONE).date())
        world.move_to(datetime.combine(tomorrow, time(10), ZONE))
        number = new_number()
        world.contact(number, state="HI")
        campaign_id = world.campaign()
        (message,) = world.rows_of(campaign_id)
        world.execute("UPDATE messages SET not_before = product_now() WHERE id = :id", id=message.id)
        assert not list_recipients(world.console, campaign_id, deferred_only=True).items
        world.send(message.id)
        (row,) = list_recipients(world.console, campaign_id, deferred_only=True).items
        assert (row.e164, row.state, row.reason) == (number, "pending", "legal_hours_closed")
        assert row.deferred_until == world.row(message.id).not_before


class TestDeferred:
    """Somebody who was texted a moment ago waits for thirty days, as the gate will say."""

    def texted(self, world: World) -> str:
        (message,) = world.rows_of(world.campaign(people=1))
        world.send(message.id)
        assert world.texts(message.e164)
        return str(message.e164)

    def test_the_plan_counts_and_names_whom_the_gate_defers(self, world: World) -> None:
        number = self.texted(world)
        plan = planned(world, people=2)
        assert (plan.recipients, plan.excluded, plan.deferred) == (3, {}, {"contact_frequency": 1})
        (row,) = list_recipients(world.console, plan.campaign_id, deferred_only=True).items
        assert (row.e164, row.state, row.reason) == (number, "planned", "contact_frequency")
        assert row.deferred_until is not None
        assert abs(row.deferred_until - world.now() - timedelta(days=30)) < timedelta(minutes=1)
        assert plan.finish_at is not None
        assert plan.finish_at >= row.deferred_until
        start_campaign(world.console, plan.campaign_id, plan_hash=plan.plan_hash, by="a test")
        messages = {message.e164: message.id for message in world.rows_of(plan.campaign_id)}
        world.send(*messages.values())
        deferred = world.row(messages[number])
        assert (deferred.status, deferred.not_before) == ("pending", row.deferred_until)
        sent = [message.e164 for message in world.rows_of(plan.campaign_id) if message.status != "pending"]
        assert len(sent) == 2
        assert [each.e164 for each in list_recipients(world.console, plan.campaign_id, deferred_only=True).items] == [
            number
        ]

    def test_whom_the_campaigns_end_comes_first_to_is_excluded(self, world: World) -> None:
        number = self.texted(world)
        plan = planned(world, people=1, ends_at=world.now() + timedelta(days=29))
        assert (plan.recipients, plan.excluded, plan.deferred) == (1, {"contact_frequency": 1}, {})
        (row,) = list_recipients(world.console, plan.campaign_id, excluded_only=True).items
        assert (row.e164, row.state, row.reason, row.deferred_until) == (number, "excluded", "contact_frequency", None)

    def test_after_that_time_nobody_waits(self, world: World) -> None:
        self.texted(world)
        world.move(days=31)
        assert planned(world).deferred == {}

    def test_a_transactional_campaign_waits_for_nobody(self, world: World) -> None:
        self.texted(world)
        plan = planned(world, kind="transactional")
        assert (plan.recipients, plan.deferred) == (1, {})
        assert list_recipients(world.console, plan.campaign_id, deferred_only=True).items == []


class TestHash:
    def test_the_same_again_is_the_same_plan(self, world: World) -> None:
        plan = planned(world, people=3)
        assert plan_campaign(world.console, plan.campaign_id, by="a test").plan_hash == plan.plan_hash

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE contacts SET first_name = 'Ada' WHERE id = (SELECT min(id) FROM contacts)",
            "INSERT INTO contacts (e164) VALUES ('+12125559998')",
            "UPDATE campaigns SET template_a = 'Other. Reply STOP to opt out.'",
            "UPDATE campaigns SET daily_cap = daily_cap + 1",
            "UPDATE campaigns SET ends_at = now() + interval '1 year'",
        ],
    )
    def test_another_plan_has_another_hash_and_the_old_one_starts_nothing(self, world: World, change: str) -> None:
        plan = planned(world, people=2)
        world.execute(change)
        again = plan_campaign(world.console, plan.campaign_id, by="a test")
        assert again.plan_hash != plan.plan_hash
        with pytest.raises(Conflict, match="plan it again"):
            start_campaign(world.console, plan.campaign_id, plan_hash=plan.plan_hash, by="a test")
        assert world.rows_of(plan.campaign_id) == []
        started = start_campaign(world.console, plan.campaign_id, plan_hash=again.plan_hash, by="a test")
        assert started.messages == {"pending": again.recipients}

    def test_who_opted_out_since_is_not_texted_all_the_same(self, world: World) -> None:
        plan = planned(world, people=1)
        (row,) = list_recipients(world.console, plan.campaign_id).items
        add_opt_out(world.console, NewOptOut.read(phone=row.e164, evidence="by phone"), by="maria")
        start_campaign(world.console, plan.campaign_id, plan_hash=plan.plan_hash, by="a test")
        (message,) = world.rows_of(plan.campaign_id)
        world.send(message.id)
        assert (world.status(message.id), world.texts(row.e164)) == ("skipped", [])

    def test_without_a_plan_nothing_starts(self, world: World) -> None:
        plan = planned(world, people=1)
        world.execute("UPDATE campaigns SET plan_hash = NULL, plan = NULL")
        with pytest.raises(Conflict, match="plan it again"):
            start_campaign(world.console, plan.campaign_id, plan_hash=plan.plan_hash, by="a test")
