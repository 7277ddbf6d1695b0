"""Rows that earlier releases wrote are read as they were meant, and a later release's are never taken for less."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.stored import FormUnknown
from services.core.storage.models import Campaign
from services.core.usecases.campaigns.cancel import cancel_campaign
from services.core.usecases.campaigns.clone import clone_campaign
from services.core.usecases.campaigns.find import list_campaigns, show_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from tests.tools.world import World

Stored = dict[str, Any] | None

ADD = """
INSERT INTO campaigns (id, name, kind, template_a, audience, sender, sender_phone_number_id, "window",
                       daily_cap, batch_size, batch_every, created_by)
OVERRIDING SYSTEM VALUE
VALUES (:id, 'an earlier one', 'marketing', 'Hi {{first_name|there}}. Reply STOP to opt out.',
        cast(:audience AS jsonb), '+12025550100', 'PN1', cast(:window AS jsonb), 125, 25,
        interval '30 minutes', 'an earlier release')
"""
EVERYBODY = {"all": True, "fields": []}
WEEK = {"weekdays": [0, 1, 2, 3, 4], "opens": "09:00", "closes": "17:00"}


def add_campaign(world: World, *, audience: Stored = None, window: Stored = None, campaign_id: int = 7001) -> int:
    world.execute(
        ADD,
        id=campaign_id,
        audience=json.dumps(audience or EVERYBODY),
        window=json.dumps(window) if window is not None else None,
    )
    return campaign_id


class TestPlanHash:
    """A draft that is planned anew after an upgrade, unchanged, has the hash that it had: recorded from the release
    before stored forms were read by types of their own.
    """

    @pytest.mark.parametrize(
        ("window", "plan_hash"),
        [
            (None, "f1256184b81d61b499953130777079c0d9bfa6cae89f6fa52daa820048a81809"),
            (WEEK, "d9c4fbeb18f80e364d6ea721a4e913e43924c4bf070ad43b89d26ace843ef0be"),
            (WEEK | {"zone": "America/Chicago"}, "2ca948bdfef1e29e6b3630af423a47d53727d98b974431717d1984bd873110e5"),
            (
                WEEK | {"holidays_closed": True, "crosses_midnight": False},
                "d5d1d0b39e96750a12d7b370526b4dc3d3a37b3bd096cc12b4ab88a6f6c50245",
            ),
            (
                {"opens": "18:00", "closes": "02:00", "holidays_closed": False, "crosses_midnight": True},
                "d1a3df861b2272409d2dd64c42fe0e18cbde3e31610965496487be106510c999",
            ),
        ],
        ids=["installation", "week", "zone", "switches", "night"],
    )
    def test_stays(self, world: World, window: Stored, plan_hash: str) -> None:
        for number, values in (("+12025550141", {"first_name": "Ada"}), ("+12025550142", {"suppressed_reason": "x"})):
            world.contact(number, **values)
        plan = plan_campaign(world.console, add_campaign(world, window=window), by="a test")
        assert plan.plan_hash == plan_hash


class TestEarlierForms:
    """As releases before this one have written them."""

    def test_a_plan_without_what_came_later(self, world: World) -> None:
        campaign_id = add_campaign(world)
        plan = {
            "recipients": 3,
            "excluded": {"paused_for_review": 1},
            "variants": {"a": 3},
            "segments": 4,
            "cost_usd": "0.04",
            "finish_at": "2026-03-04T21:30:00+00:00",
        }
        world.execute("UPDATE campaigns SET plan = cast(:plan AS jsonb)", plan=json.dumps(plan))
        shown = show_campaign(world.console, str(campaign_id)).plan
        assert shown is not None
        assert shown.model_dump() == plan | {
            "deferred": {},
            "cost_usd": Decimal("0.04"),
            "finish_at": datetime(2026, 3, 4, 21, 30, tzinfo=UTC),
        }

    @pytest.mark.parametrize("audience", [{"all": True}, {"all": True, "fields": ["pool"]}])
    @pytest.mark.parametrize("window", [None, WEEK, WEEK | {"zone": None, "weekdays": None}])
    def test_a_clone_has_its_audience_and_its_window(self, world: World, audience: Stored, window: Stored) -> None:
        world.contact(fields={"pool": "yes"})
        earlier = add_campaign(world, audience=audience, window=window)
        clone = clone_campaign(world.console, earlier, name="clone", by="maria").campaign_id
        with world.context.database.reading() as session:
            first, second = (session.get_one(Campaign, campaign_id) for campaign_id in (earlier, clone))
            assert (first.audience, first.window) == (second.audience, second.window)
        assert [plan_campaign(world.console, each, by="a test").recipients for each in (earlier, clone)] == [1, 1]


class TestLaterForms:
    """As a release to come might write them, met after a rollback: refused where they are acted on, and only there."""

    @pytest.mark.parametrize(
        "later", [{"audience": {"all": True, "without": {"tags": [1]}}}, {"window": WEEK | {"lunch": "12:00"}}]
    )
    def test_nothing_is_planned_on_half_of_it(self, world: World, later: dict[str, Any]) -> None:
        world.contact()
        with pytest.raises(FormUnknown, match=r"unknown: (without|lunch)"):
            plan_campaign(world.console, add_campaign(world, **later), by="a test")

    def test_it_is_shown_and_cancelled(self, world: World) -> None:
        campaign_id = add_campaign(world, audience={"tags": [1]}, window=WEEK | {"lunch": "12:00"})
        plan = {"recipients": 1, "excluded": {}, "variants": {}, "segments": 1, "cost_usd": "0", "steps": [{}]}
        world.execute("UPDATE campaigns SET plan = cast(:plan AS jsonb)", plan=json.dumps(plan))
        assert [each.campaign_id for each in list_campaigns(world.console, after=0, limit=9).items] == [campaign_id]
        assert show_campaign(world.console, str(campaign_id)).plan is not None
        assert cancel_campaign(world.console, campaign_id, by="maria").status is CampaignStatus.CANCELLED
