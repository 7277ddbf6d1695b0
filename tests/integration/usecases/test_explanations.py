"""What `why` says of a message that has not left: each thing it waits for, from the rows."""

from datetime import datetime, timedelta
from typing import Any

from services.core.usecases.campaigns.pause import pause_campaign
from services.core.usecases.messages.explain import explain_message
from tests.tools.world import ZONE, World


def waits_of(world: World, message_id: int) -> list[tuple[str, datetime | None]]:
    steps: list[dict[str, Any]] = explain_message(world.console, message_id).steps
    return [(step["reason"], step["until"]) for step in steps if step["what"] == "waits"]


def test_a_message_without_a_batch_says_which_day_it_can_expect(world: World) -> None:
    campaign_id = world.campaign(people=5, daily_cap=2, batch_size=2)
    first, *_, last = world.rows_of(campaign_id)
    assert waits_of(world, first.id) == [("queue: it is published next", None)]
    ((reason, until),) = waits_of(world, last.id)
    assert reason == "batch: no day's batch has it yet, 2 of its campaign are before it"
    assert until is not None
    local = until.astimezone(ZONE)
    assert (local.hour, local.minute) == (9, 0)
    assert local.date() >= world.now().astimezone(ZONE).date() + timedelta(days=2)


def test_a_paused_campaign_is_named_before_the_batch(world: World) -> None:
    campaign_id = world.campaign(people=3, daily_cap=2)
    pause_campaign(world.console, campaign_id, by="maria")
    first, *_, last = world.rows_of(campaign_id)
    assert waits_of(world, first.id) == [("G1: campaign_paused", None)]
    assert [reason.partition(":")[0] for reason, _ in waits_of(world, last.id)] == ["G1", "batch"]


def test_a_later_instant_is_told(world: World) -> None:
    at = world.now() + timedelta(hours=1)
    assert waits_of(world, world.message(not_before=at)) == [("instant: it is not to be sent before", at)]


def test_a_message_that_left_waits_for_nothing(world: World) -> None:
    message_id = world.message()
    world.send(message_id)
    assert waits_of(world, message_id) == []
