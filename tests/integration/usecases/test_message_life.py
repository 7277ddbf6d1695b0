"""Every step of a message's life is counted and leaves its trace, taken alone or with many."""

from collections import Counter

import pytest

from services.core.domain.messages import MessageStatus
from services.core.runtime import metering
from services.core.storage.instruments import TRANSITIONS
from services.core.storage.outbox import life
from services.core.usecases.campaigns.cancel import cancel_campaign
from services.core.usecases.contacts.conversations import reply_to_conversation
from services.core.usecases.instruments import INSTRUMENTS
from services.core.views.conversations import NewReply
from tests.tools.world import World, new_number

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
def table() -> None:
    metering.share_table(1, INSTRUMENTS)


def counted() -> Counter[str]:
    return Counter(
        {
            series.labels["status"]: int(series.value)
            for series in metering.read()
            if series.instrument is TRANSITIONS and isinstance(series.value, float) and series.value
        }
    )


def test_steps_that_many_take_at_once_are_counted(world: World) -> None:
    before = counted()
    campaign_id = world.campaign(people=3)
    assert counted() - before == {"pending": 3}
    cancel_campaign(world.console, campaign_id, by="maria")
    assert counted() - before == {"pending": 3, "skipped": 3}
    number = new_number()
    world.message(number)
    world.receive(world.text_from(number, "STOP"))
    assert counted() - before == {"pending": 4, "skipped": 4}


def test_a_message_that_is_put_back_is_counted(world: World) -> None:
    message_id = world.message()
    world.send(message_id)
    world.execute("UPDATE messages SET status = 'held', reason = 'absent', provider_message_id = NULL")
    before = counted()
    with world.context.database.transaction() as session:
        row = session.get_one(type(world.row(message_id)), message_id)
        life.put_back(row, not_before=world.now(), at=world.now())
    assert counted() - before == {"pending": 1}
    assert world.status(message_id) == MessageStatus.PENDING


def test_an_answer_to_a_person_has_a_trace_of_its_own(world: World) -> None:
    number = new_number()
    world.receive(world.text_from(number, "Hello?"))
    answer = reply_to_conversation(
        world.context, number, NewReply.read(text="We will be there at 9."), idempotency_key="1", by="maria"
    )
    assert world.row(answer.message_id).traceparent is not None
