"""A campaign whose texts come back beyond a bound pauses itself, says why, and goes on when a person says so."""

from datetime import timedelta
from typing import Any

import pytest

from services.core.storage import installation
from services.core.usecases.campaigns.find import show_campaign
from services.core.usecases.campaigns.guard import guard_campaigns
from services.core.usecases.campaigns.resume import resume_campaign
from services.core.usecases.operations.today import show_today
from services.core.views.campaigns import Campaign
from tests.tools.world import World

BY = "maria"
DELIVERED = """
UPDATE messages SET status = 'delivered', submitted_at = product_now(), not_before = product_now() WHERE id = ANY(:ids)
"""
# A text that the provider refuses has not left, so it has no time of leaving.
CAME_BACK = {
    "many_failed": """
UPDATE messages SET status = 'failed', reason = 'unreachable_recipient', submitted_at = NULL, updated_at = product_now()
WHERE id = ANY(:ids)
""",
    "many_undelivered": "UPDATE messages SET status = 'undelivered' WHERE id = ANY(:ids)",
    "many_opt_outs": """
UPDATE contacts SET opted_out_at = product_now() WHERE id IN (SELECT contact_id FROM messages WHERE id = ANY(:ids))
""",
}


def shown(world: World, campaign_id: int) -> Campaign:
    return show_campaign(world.console, str(campaign_id))


def guard(world: World) -> list[int]:
    stopped: list[int] = guard_campaigns(world.operations_worker)["stopped"]
    return stopped


PEOPLE = 12


def ids(world: World, campaign_id: int, count: int) -> list[int]:
    """Texts to people whom no earlier campaign was for."""
    return [message.id for message in world.rows_of(campaign_id)[-PEOPLE:][:count]]


def went_out(world: World, *, people: int = PEOPLE) -> int:
    """A campaign all of whose new people's texts but the last were delivered, as receipts would say."""
    campaign_id = world.campaign(people=people)
    world.execute(DELIVERED, ids=ids(world, campaign_id, people - 1))
    return campaign_id


def came_back(world: World, campaign_id: int, what: str, count: int) -> None:
    world.execute(CAME_BACK[what], ids=ids(world, campaign_id, count))


@pytest.fixture
def world(make_world: Any) -> World:
    built: World = make_world(guard_after=10)
    return built


@pytest.mark.parametrize("reason", ["many_failed", "many_undelivered", "many_opt_outs"])
def test_it_pauses_says_why_and_goes_on_when_told_to(world: World, reason: str) -> None:
    other, campaign_id = went_out(world), went_out(world)
    assert guard(world) == []
    came_back(world, campaign_id, reason, 7)
    before = shown(world, campaign_id).version
    assert guard(world) == [campaign_id]
    stopped = shown(world, campaign_id)
    assert (stopped.status, stopped.stopped_because, stopped.version) == ("paused", reason, before + 1)
    assert stopped.stopped_detail is not None
    assert (stopped.stopped_detail["count"], stopped.stopped_detail["of"]) == (7, 11)
    assert shown(world, other).status == "running"
    assert [(each.kind, each.count) for each in show_today(world.console).to_do] == [("stopped_campaigns", 1)]
    (entry,) = world.rows("SELECT actor, detail ->> 'reason' FROM audit WHERE act = 'campaign.paused'")
    assert entry == ("guard", reason)
    assert guard(world) == []

    world.move(minutes=1)
    resumed = resume_campaign(world.console, campaign_id, by=BY)
    assert (resumed.status, resumed.stopped_because, resumed.stopped_detail) == ("running", None, None)
    assert guard(world) == []  # by what leaves from now on
    assert show_today(world.console).to_do == []


def test_too_little_is_no_reason(world: World) -> None:
    campaign_id = went_out(world, people=9)
    came_back(world, campaign_id, "many_failed", 8)
    assert guard(world) == []


def test_what_a_text_that_waits_does_is_nothing(world: World) -> None:
    """The last text still waits: the gate keeps it, and it goes on with the campaign."""
    campaign_id = went_out(world)
    came_back(world, campaign_id, "many_failed", 7)
    guard(world)
    last = world.rows_of(campaign_id)[-1]
    world.execute("UPDATE messages SET not_before = product_now() WHERE id = :id", id=last.id)
    world.send(last.id)
    assert world.status(last.id) == "pending"
    assert not world.texts(last.e164)


def refused(world: World, reason: str, *, times: int) -> None:
    """The provider refuses the account every five minutes, as long as a text is tried."""
    for _ in range(times):
        with world.context.database.transaction() as session:
            installation.open_breaker(session, until=world.now() + timedelta(minutes=5), reason=reason)
        world.move(minutes=5, seconds=10)
    with world.context.database.transaction() as session:
        installation.open_breaker(session, until=world.now() + timedelta(minutes=5), reason=reason)


def test_an_account_that_is_refused_for_long(world: World) -> None:
    campaign_id = world.campaign(people=1)
    refused(world, "no_credit", times=2)
    assert guard(world) == []
    refused(world, "no_credit", times=4)
    assert guard(world) == [campaign_id]
    stopped = shown(world, campaign_id)
    assert stopped.stopped_because == "provider_refuses_account"
    assert stopped.stopped_detail is not None
    assert stopped.stopped_detail["reason"] == "no_credit"


def test_what_heals_by_itself_stops_nothing(world: World) -> None:
    world.campaign(people=1)
    refused(world, "daily_cap_reached", times=8)
    assert guard(world) == []


def test_two_refusals_that_lie_apart_are_two(world: World) -> None:
    world.campaign(people=1)
    refused(world, "no_credit", times=1)
    world.move(hours=1)
    refused(world, "no_credit", times=1)
    assert guard(world) == []
