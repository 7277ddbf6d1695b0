"""What `why` says of a message that has not left: each thing it waits for, from the rows."""

from datetime import datetime, timedelta

from services.core.usecases.campaigns.pause import pause_campaign
from services.core.usecases.messages.explain import explain_message
from services.core.usecases.messages.held.cancel import cancel_held
from services.core.views.held import Decision
from services.core.views.messages import EndedStep, GateStep, LookStep, WaitStep
from tests.tools.world import ZONE, World


def waits_of(world: World, message_id: int) -> list[tuple[str, datetime | None]]:
    steps = explain_message(world.console, message_id).steps
    return [(step.reason, step.until) for step in steps if isinstance(step, WaitStep)]


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


def test_each_step_says_its_kind_and_has_the_facts_of_it(world: World) -> None:
    world.simulator.add_fault("server_error", created=1, times=1)
    in_doubt, never_sent = world.message(), world.message(not_before=world.now() + timedelta(hours=1))
    world.send(in_doubt)
    world.look(in_doubt)
    world.receive(world.receipt_for("delivered", in_doubt))
    world.execute("UPDATE messages SET status = 'held', reason = 'absent' WHERE id = :id", id=never_sent)
    cancel_held(world.console, never_sent, Decision(reason="called her"), by="maria")

    steps = explain_message(world.console, in_doubt).steps
    assert {step.kind for step in steps} == {"gate", "attempt_begun", "attempt_ended", "look", "receipt"}
    gate = next(step for step in steps if isinstance(step, GateStep))
    (ended,) = (step for step in steps if isinstance(step, EndedStep))
    (look,) = (step for step in steps if isinstance(step, LookStep))
    assert (gate.zones, gate.facts_disagree, gate.number_cap > gate.number_used) == (["America/New_York"], False, True)
    assert (ended.reason, ended.http_status) == ("http_500", None)
    assert not look.control_seen
    (decided,) = explain_message(world.console, never_sent).steps
    assert (decided.kind, decided.what, decided.reason) == ("decision", "gate cancelled", "operator: called her")
