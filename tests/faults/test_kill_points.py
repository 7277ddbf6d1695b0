"""A worker dies at each point of its way; what is left is swept, looked up and redelivered to the expected end."""

import signal

import pytest

from services.core.usecases.handle_event import handle_events
from services.core.usecases.reconcile import reconcile_message
from services.core.usecases.sweep import sweep
from tests.tools.world import World, new_number

pytestmark = pytest.mark.processes
KILLED = -signal.SIGKILL


def recover(world: World, message_id: int) -> None:
    """What beat and the workers do once the leases have run out."""
    world.end_leases()
    sweep(world.context)
    if world.status(message_id) == "uncertain":
        world.move(seconds=20)
        reconcile_message(world.context, message_id)
    world.send(message_id)


class TestSending:
    """A text that only the provider's list knows about is bound with what the list says of its delivery."""

    @pytest.mark.parametrize(
        ("point", "texts", "status"),
        [
            ("claimed", 1, "sent"),
            ("beginning", 1, "sent"),
            ("submitting", 0, "uncertain"),
            ("connected", 0, "uncertain"),
            ("answered", 1, "delivered"),
            ("recording", 1, "delivered"),
            ("recorded", 1, "sent"),
        ],
    )
    def test_a_kill_ends_in_at_most_one_text(self, world: World, point: str, texts: int, status: str) -> None:
        message_id = world.message()

        assert world.run_in_child("send", message_id, failpoints=f"{point}=kill") == KILLED
        recover(world, message_id)

        assert (len(world.texts()), world.status(message_id)) == (texts, status)
        assert world.counted() == 1

    @pytest.mark.parametrize("point", ["submitting", "connected"])
    def test_what_nobody_can_prove_is_held_in_the_end(self, world: World, point: str) -> None:
        control, message_id = world.message(), world.message()
        world.send(control)
        world.run_in_child("send", message_id, failpoints=f"{point}=kill")
        recover(world, message_id)
        for minutes in (1, 5, 15, 61, 300):
            if world.status(message_id) == "uncertain":
                world.move(minutes=minutes)
                reconcile_message(world.context, message_id)

        assert (world.status(message_id), len(world.texts())) == ("held", 1)

    def test_a_sweeper_may_die_too(self, world: World) -> None:
        message_id = world.message()
        world.run_in_child("send", message_id, failpoints="answered=kill")
        world.end_leases()

        assert world.run_in_child("sweep", failpoints="sweeping=kill") == KILLED
        assert world.status(message_id) == "sending"
        recover(world, message_id)

        assert (world.status(message_id), len(world.texts())) == ("delivered", 1)

    @pytest.mark.parametrize("point", ["reconciling", "reconciled"])
    def test_a_reconciler_may_die_too(self, world: World, point: str) -> None:
        message_id = world.message()
        world.run_in_child("send", message_id, failpoints="answered=kill")
        world.end_leases()
        sweep(world.context)
        world.move(seconds=20)

        assert world.run_in_child("reconcile", message_id, failpoints=f"{point}=kill") == KILLED
        reconcile_message(world.context, message_id)

        assert (world.status(message_id), len(world.texts())) == ("delivered", 1)


class TestWebhooks:
    @pytest.mark.parametrize(
        ("point", "stored"),
        [("webhook_verified", 0), ("inbox_stored", 0), ("webhook_committing", 0), ("webhook_committed", 1)],
    )
    def test_row_and_opt_out_are_both_or_neither(self, world: World, point: str, stored: int) -> None:
        number = new_number()
        contact_id = world.contact(number)
        body = world.text_from(number, "STOP")

        assert world.accept_in_child(body, failpoints=f"{point}=kill") == KILLED
        assert (world.person(contact_id).opted_out_at is not None) is bool(stored)
        world.accept_in_child(body)

        assert world.person(contact_id).opted_out_at is not None
        assert world.inbox_count() == 1

    @pytest.mark.parametrize("point", ["event_handling", "event_handled"])
    def test_one_effect_however_the_handler_dies(self, world: World, point: str) -> None:
        message_id = world.message()
        world.send(message_id)
        inbox_id = world.accept(world.receipt_for("delivered", message_id)).inbox_id or 0

        assert world.run_in_child("handle", inbox_id, failpoints=f"{point}=kill") == KILLED
        world.end_leases()
        handle_events(world.context, [inbox_id])

        assert (world.status(message_id), world.inbox(inbox_id).status) == ("delivered", "handled")

    def test_three_deaths_put_an_event_aside_and_a_fourth_while_doing_so_loses_nothing(self, world: World) -> None:
        inbox_id = world.accept(world.text_from(new_number(), "hello")).inbox_id or 0
        for point in ("event_handling", "event_handling", "event_handling", "event_burying"):
            assert world.run_in_child("handle", inbox_id, failpoints=f"{point}=kill") == KILLED
            assert world.inbox(inbox_id).status == "new"
            world.end_leases()

        handle_events(world.context, [inbox_id])

        assert (world.inbox(inbox_id).status, world.inbox(inbox_id).reason) == ("dead", "process_deaths")
