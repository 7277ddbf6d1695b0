"""The start and the end of a campaign that is too large for one statement: in steps, which go on after a cut."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from services.core.domain.campaigns import CampaignStatus
from services.core.queue.names import TaskName
from services.core.storage import campaigns, clock
from services.core.storage.models import Campaign
from services.core.usecases.campaigns.cancel import cancel_campaign
from services.core.usecases.campaigns.pause import pause_campaign
from services.core.usecases.campaigns.proceed import continue_campaign, skip_next
from services.core.usecases.campaigns.queue_today import queue_daily_campaigns
from services.core.usecases.campaigns.results import list_recipients
from services.core.usecases.contacts.erase import erase_contact
from services.core.usecases.dead_letters.replay import replay_dead_letter
from services.core.usecases.operations.sweep import sweep
from services.core.usecases.operations.task_history import DatabaseJournal
from services.core.views.contacts import Erase
from tests.tools.world import World

PEOPLE = 7


@pytest.fixture
def begun(world: World) -> int:
    """A running campaign as a start leaves it that made the messages of three of seven people."""
    campaign_id = world.campaign(people=PEOPLE)
    kept = [message.id for message in world.rows_of(campaign_id)][:3]
    world.execute("DELETE FROM messages WHERE campaign_id = :id AND NOT id = ANY(:kept)", id=campaign_id, kept=kept)
    world.execute(
        "UPDATE campaigns SET unmade_after = (SELECT max(recipient_id) FROM messages WHERE campaign_id = :id)"
        " WHERE id = :id",
        id=campaign_id,
    )
    return campaign_id


def states(world: World, campaign_id: int) -> Counter[str]:
    return Counter(message.status for message in world.rows_of(campaign_id))


def unmade_after(world: World, campaign_id: int) -> int | None:
    found: int | None = world.value("SELECT unmade_after FROM campaigns WHERE id = :id", id=campaign_id)
    return found


@pytest.mark.parametrize("at_once", [1, 2, 3, 4, 5, 100])
def test_everybody_gets_one_message_whatever_a_step_holds(world: World, begun: int, at_once: int) -> None:
    continue_campaign(world.operations_worker, begun, at_once=at_once)
    assert states(world, begun) == {"pending": PEOPLE}
    assert len({message.e164 for message in world.rows_of(begun)}) == PEOPLE
    assert unmade_after(world, begun) is None
    assert all(message.not_before is not None for message in world.rows_of(begun))
    assert len({message.traceparent for message in world.rows_of(begun)}) == PEOPLE


def test_the_sweep_publishes_it_until_nothing_is_left(world: World, begun: int) -> None:
    assert sweep(world.beat).campaigns == 1
    assert sweep(world.beat).campaigns == 0  # it waits in the queue
    world.lose_queues()
    assert sweep(world.beat).campaigns == 1
    continue_campaign(world.operations_worker, begun)
    world.lose_queues()
    assert sweep(world.beat).campaigns == 0


def test_a_repetition_and_two_at_once_make_none_twice(world: World, begun: int) -> None:
    for _ in range(3):
        continue_campaign(world.operations_worker, begun, at_once=2)
        world.execute("UPDATE campaigns SET unmade_after = 1 WHERE id = :id", id=begun)
    continue_campaign(world.operations_worker, begun)
    assert states(world, begun) == {"pending": PEOPLE}


def test_it_is_not_finished_before_all_are_made(world: World, begun: int) -> None:
    world.send(*(message.id for message in world.rows_of(begun)))
    for message in world.rows_of(begun):
        world.receive(world.receipt_for("delivered", message.id))
    assert sweep(world.beat).finished == 0
    continue_campaign(world.operations_worker, begun)
    assert states(world, begun) == {"delivered": 3, "pending": PEOPLE - 3}


def test_a_paused_one_gets_its_messages_and_sends_none(world: World, begun: int) -> None:
    pause_campaign(world.console, begun, by="a test")
    continue_campaign(world.operations_worker, begun)
    assert states(world, begun) == {"pending": PEOPLE}
    assert sum(message.not_before is None for message in world.rows_of(begun)) == PEOPLE - 3
    queue_daily_campaigns(world.operations_worker)
    assert world.send(*(message.id for message in world.rows_of(begun))) == 0


def test_somebody_erased_meanwhile_gets_none(world: World, begun: int) -> None:
    gone = list_recipients(world.console, begun).items[-1]
    erase_contact(world.console, str(gone.contact_id), Erase.read(reason="her letter"), by="a test")
    continue_campaign(world.operations_worker, begun, at_once=2)
    assert gone.contact_id not in {message.contact_id for message in world.rows_of(begun)}
    assert unmade_after(world, begun) is None


def test_a_cancelled_one_ends_in_steps_and_texts_nobody(world: World, begun: int) -> None:
    cancel_campaign(world.console, begun, by="a test")
    assert states(world, begun) == {"skipped": 3}
    rows = list_recipients(world.console, begun).items
    assert Counter((row.state, row.reason) for row in rows) == {("skipped", "campaign_cancelled"): PEOPLE}
    continue_campaign(world.operations_worker, begun)
    assert states(world, begun) == {"skipped": 3}


def test_what_a_cancellation_left_is_ended_by_the_sweeps_task(world: World) -> None:
    campaign_id = world.campaign(people=PEOPLE)
    world.execute(
        "UPDATE campaigns SET status = 'cancelled', finished_at = product_now() WHERE id = :id", id=campaign_id
    )
    assert world.send(*(message.id for message in world.rows_of(campaign_id)[:2])) == 0
    assert states(world, campaign_id) == {"skipped": 2, "pending": PEOPLE - 2}
    assert sweep(world.beat).campaigns == 1
    continue_campaign(world.operations_worker, campaign_id, at_once=2)
    assert states(world, campaign_id) == {"skipped": PEOPLE}
    with world.context.database.reading() as session:
        assert campaigns.to_continue(session, queued=(), limit=10) == []


def test_a_large_cancellation_is_marked_until_it_is_done(world: World, begun: int) -> None:
    """However long no worker comes to it; and one that is done is asked for no more than a day."""
    with world.context.database.transaction() as session:
        campaign = session.get_one(Campaign, begun)
        campaign.status, campaign.finished_at = CampaignStatus.CANCELLED, clock.product_now(session)
        assert skip_next(session, campaign, at_once=2) == 2
    world.move(days=3)
    assert sweep(world.beat).campaigns == 1
    continue_campaign(world.operations_worker, begun, at_once=2)
    assert (states(world, begun), unmade_after(world, begun)) == ({"skipped": 3}, None)
    world.lose_queues()
    assert sweep(world.beat).campaigns == 0


class TestOneThatAlwaysFails:
    """It gives up with one letter, which counts, and is tried again later and later: never every few seconds."""

    @pytest.fixture
    def fails(self, world: World, begun: int) -> Callable[[], None]:
        def fail() -> None:
            journal, task = DatabaseJournal(world.operations_worker), str(uuid4())
            about: dict[str, Any] = {"task_id": task, "name": TaskName.CONTINUE_CAMPAIGN, "args": [str(begun)]}
            attempts = journal.started(**about, traceparent=None)
            journal.gave_up(**about, reason="error", error="it always fails", attempts=attempts, traceparent=None)
            world.lose_queues()

        return fail

    def letters(self, world: World) -> list[tuple[int, bool]]:
        rows = world.rows("SELECT attempts, replayed_at IS NULL AS is_open FROM dead_letters ORDER BY id")
        return [(row.attempts, row.is_open) for row in rows]

    def test_waits_as_long_again_as_it_has_failed(self, world: World, fails: Callable[[], None]) -> None:
        waits = (55, 10, 55, 20, 120, 30)  # seconds: at least a minute, then as long as since the first
        found: list[int] = []
        for seconds in waits:
            if not found or found[-1]:
                fails()
            world.move(seconds=seconds)
            found.append(sweep(world.beat).campaigns)
            world.lose_queues()
        assert found == [0, 1, 0, 1, 0, 1]
        assert self.letters(world) == [(3, True)]

    def test_is_tried_every_ten_minutes_in_the_end(self, world: World, fails: Callable[[], None]) -> None:
        fails()
        world.move(days=2)
        fails()
        assert sweep(world.beat).campaigns == 0
        world.move(minutes=11)
        assert sweep(world.beat).campaigns == 1

    def test_is_tried_at_once_when_a_person_replays_it(self, world: World, fails: Callable[[], None]) -> None:
        fails()
        letter_id = world.value("SELECT id FROM dead_letters")
        replay_dead_letter(world.console, letter_id, by="maria")
        world.lose_queues()
        assert sweep(world.beat).campaigns == 1
        fails()
        assert self.letters(world) == [(1, False), (1, True)]
