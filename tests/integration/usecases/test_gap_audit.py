"""What never reached us is found: texts, opt-outs and receipts without a webhook, and the provider's own failures."""

from collections.abc import Callable
from functools import partial

import pytest

from services.core.openphone.errors import ProviderError
from services.core.queue.names import Queue
from services.core.storage import gap_audit
from services.core.usecases.contacts.erase import erase_contact
from services.core.usecases.webhooks.audit_gaps import audit_gaps
from services.core.usecases.webhooks.handle import handle_events
from services.core.views.contacts import Erase
from tests.tools.simulator import free_port
from tests.tools.waiting import wait_until
from tests.tools.world import World, new_number


def backfilled(world: World) -> list[int]:
    from sqlalchemy import select

    from services.core.storage.models import InboxEvent

    with world.context.database.reading() as session:
        return list(session.scalars(select(InboxEvent.id).where(InboxEvent.scheme == "backfill")))


def texts_of(world: World, contact_id: int) -> list[str | None]:
    from sqlalchemy import select

    from services.core.storage.models import Message

    with world.context.database.reading() as session:
        query = select(Message.body).where(Message.contact_id == contact_id, Message.direction == "incoming")
        return list(session.scalars(query))


ATTEMPTS = 8  # the first and the seven of the provider's schedule


class TestMissingTexts:
    def test_an_opt_out_that_never_came_is_in_force_before_it_is_handled(self, world: World) -> None:
        number = new_number()
        contact_id = world.contact(number)
        waiting = world.message(contact_id=contact_id)
        world.simulator.inject_inbound(number, "STOP")
        world.move(minutes=2)
        assert audit_gaps(world.operations_worker)["backfilled"] == 1
        assert world.person(contact_id).opted_out_at is not None
        assert (world.status(waiting), world.row(waiting).reason) == ("skipped", "opted_out")
        assert world.context.inspector.waiting(Queue.WEBHOOKS) == 1
        handle_events(world.webhook_worker, backfilled(world))
        assert texts_of(world, contact_id) == ["STOP"]

    def test_a_repeated_audit_and_a_late_webhook_add_nothing(self, world: World) -> None:
        number = new_number()
        contact_id = world.contact(number)
        message = world.simulator.inject_inbound(number, "When do you come?")
        world.move(minutes=2)
        assert [audit_gaps(world.operations_worker)["backfilled"] for _ in range(2)] == [1, 0]
        handle_events(world.webhook_worker, backfilled(world))
        late = world.receive(world.text_from(number, "When do you come?", provider_id=str(message["id"])))
        assert late.inbox_id is not None
        assert world.inbox(late.inbox_id).reason == "effect_had_before"
        assert texts_of(world, contact_id) == ["When do you come?"]
        assert audit_gaps(world.operations_worker)["backfilled"] == 0

    @pytest.mark.parametrize("said", ["STOP", "Hello there", "unsubscribe my brother"])
    def test_whoever_first_sends_takes_it_from_the_list_too(self, world: World, said: str) -> None:
        numbers = known, _, erased = [new_number() for _ in range(3)]
        world.contact(known)
        erase_contact(world.console, str(world.contact(erased)), Erase.read(reason="her letter"), by="a test")
        waiting = world.message()
        for number in numbers:
            world.simulator.inject_inbound(number, said)
        world.execute("UPDATE installation SET checked_run = NULL")  # as after a restart of the server
        assert world.send(waiting) == 1
        assert len(backfilled(world)) == len(numbers)

    def test_what_came_is_not_taken_again(self, world: World) -> None:
        number = new_number()
        message = world.simulator.inject_inbound(number, "Hello")
        accepted = world.accept(world.text_from(number, "Hello", provider_id=str(message["id"])))
        world.move(minutes=2)
        assert audit_gaps(world.operations_worker)["backfilled"] == 0
        assert accepted.inbox_id is not None
        handle_events(world.webhook_worker, [accepted.inbox_id])
        assert audit_gaps(world.operations_worker)["backfilled"] == 0

    def test_a_text_of_this_minute_may_still_be_on_its_way(self, world: World) -> None:
        world.simulator.inject_inbound(new_number(), "Hello")
        assert audit_gaps(world.operations_worker)["backfilled"] == 0
        world.move(minutes=2)
        assert audit_gaps(world.operations_worker)["backfilled"] == 1

    def test_three_days_without_us_are_caught_up(self, world: World) -> None:
        audit_gaps(world.operations_worker)
        numbers = [new_number() for _ in range(12)]
        for number in numbers:
            world.simulator.inject_inbound(number, "STOP")
            world.move(hours=6)
        found = [audit_gaps(world.operations_worker)]
        while not found[-1]["caught_up"]:
            found.append(audit_gaps(world.operations_worker))
        assert sum(each["backfilled"] for each in found) == 12
        handle_events(world.webhook_worker, backfilled(world))
        assert audit_gaps(world.operations_worker)["backfilled"] == 0


class TestReceipts:
    def test_a_delivery_without_its_webhook_is_taken_from_the_list(self, world: World) -> None:
        number = new_number()
        message_id = world.message(number)
        world.send(message_id)
        wait_until(lambda: world.simulator.messages(number)[0]["status"] == "delivered")
        assert world.status(message_id) == "sent"
        world.move(minutes=2)
        assert audit_gaps(world.operations_worker)["receipts"] == 1
        assert world.status(message_id) == "delivered"
        assert audit_gaps(world.operations_worker)["receipts"] == 0

    def test_a_receipt_that_the_list_has_passed_is_asked_for(self, world: World) -> None:
        number = new_number()
        world.simulator.behave(number, delivery="undelivered", error_code="30005")
        message_id = world.message(number)
        world.send(message_id)
        wait_until(lambda: world.simulator.messages(number)[0]["status"] == "undelivered")
        world.move(hours=3)
        with world.context.database.transaction() as session:
            gap_audit.move_cursor(session, world.now())
        assert audit_gaps(world.operations_worker)["receipts"] == 1
        assert world.status(message_id) == "undelivered"


class TestWebhook:
    @pytest.fixture
    def registered(self, make_world: Callable[..., World]) -> tuple[World, str]:
        """A world with a webhook at the provider, to an address where nobody listens."""
        world = make_world()
        url = f"http://127.0.0.1:{free_port()}/webhooks/openphone"
        webhook_id = str(world.simulator.register_webhook(url)["id"])
        return make_world(provider_webhook_id=webhook_id), webhook_id

    def test_a_disabled_webhook_is_an_alarm(self, registered: tuple[World, str]) -> None:
        world, webhook_id = registered
        assert audit_gaps(world.operations_worker)["webhook_enabled"] is True
        world.simulator.call("PATCH", f"/webhooks/{webhook_id}", body={"status": "disabled"})
        assert audit_gaps(world.operations_worker)["webhook_enabled"] is False
        world.simulator.call("DELETE", f"/webhooks/{webhook_id}")
        assert audit_gaps(world.operations_worker)["webhook_enabled"] is False

    def test_failed_deliveries_are_asked_for_again(self, registered: tuple[World, str]) -> None:
        world, _ = registered
        world.simulator.inject_inbound(new_number(), "Hello")
        for attempt in range(1, ATTEMPTS + 1):
            wait_until(partial(was_tried, world, attempt))
            world.simulator.hurry_deliveries()
        assert [each["status"] for each in world.simulator.deliveries()] == ["failed"]
        assert audit_gaps(world.operations_worker)["retried"] == 1


def was_tried(world: World, times: int) -> bool:
    attempts = world.simulator.deliveries()[0]["attempts"]
    return isinstance(attempts, int) and attempts >= times


def test_an_audit_that_cannot_read_keeps_its_cursor(world: World) -> None:
    audit_gaps(world.operations_worker)
    with world.context.database.reading() as session:
        before = gap_audit.cursor(session)
    world.simulator.inject_inbound(new_number(), "STOP")
    world.move(minutes=5)
    world.simulator.add_fault("server_error", operation="list")
    with pytest.raises(ProviderError):
        audit_gaps(world.operations_worker)
    with world.context.database.reading() as session:
        assert gap_audit.cursor(session) == before
    world.simulator.clear_faults()
    assert audit_gaps(world.operations_worker)["backfilled"] == 1
