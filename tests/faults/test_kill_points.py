"""A process meets its fault at each point of its way; what is left is swept, looked up and redelivered to the end.

Four faults: it is killed; it is stopped for longer than its lease, and goes on when others have cleaned up after it;
it raises; it is held up for longer than the start guard. The points are those of the reliability design, 2.9 (a).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from services.core.storage import imports
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.contacts import confirm_import as confirming
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.usecases.contacts.find_imports import show_import
from services.core.usecases.contacts.import_state import lock_import
from services.core.usecases.messages.dispatch import Dispatcher
from services.core.usecases.messages.reconcile import reconcile_messages
from services.core.usecases.operations.sweep import sweep
from services.core.usecases.webhooks.audit_gaps import audit_gaps
from services.core.usecases.webhooks.handle import handle_events
from tests.tools.world import World, new_number

pytestmark = pytest.mark.processes

HELD_UP = 2.5
"""Seconds, over the start guard."""

MODES = ["kill", *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("stop", "raise", "sleep"))]


@dataclass(frozen=True, slots=True)
class Drill:
    """One fault at one point of one act, and what others do while the process cannot."""

    world: World
    mode: str

    def strike(self, act: str, *arguments: object, point: str, others: Callable[[], object]) -> None:
        """Let the act meet its fault; the others clean up then, and once more after it came back.

        Fails when the point was never reached.
        """
        action = f"sleep({HELD_UP})" if self.mode == "sleep" else self.mode
        child = self.world.child(act, *arguments, failpoints=f"{point}={action}")
        if self.mode == "stop":
            child.await_stop()
            began = time.monotonic()
            self.world.end_leases()
            others()
            time.sleep(max(0.0, HELD_UP - (time.monotonic() - began)))
            child.resume()
        ended = child.ended()
        assert ended.passes >= 1, f"{act} never reached {point}: {ended}"
        assert ended.how == "killed" if self.mode == "kill" else ended.how != "killed", ended
        self.world.end_leases()
        others()


@pytest.fixture(params=MODES)
def drill(request: pytest.FixtureRequest, world: World) -> Drill:
    return Drill(world, request.param)


def recover(world: World, *message_ids: int) -> None:
    """What beat and the workers do once the leases have run out."""
    sweep(world.beat)
    for message_id in message_ids:
        if world.status(message_id) == "uncertain":
            world.move(seconds=20)
            reconcile_messages(world.operations_worker, [message_id])
        if world.status(message_id) == "pending":
            world.move(minutes=1)
    Dispatcher(world.beat).dispatch()
    world.send(*message_ids)


Ends = tuple[int, str]
"""How many texts the provider has, and the message's state."""

SENT, BOUND, UNPROVEN = (1, "sent"), (1, "delivered"), (0, "uncertain")
"""A text that only the provider's list knew of is bound with what the list says of its delivery."""

SENDING: dict[str, dict[str, Ends]] = {
    # S5, S6, S7: nothing left us, and everybody can see that
    "send_received": {},
    "claimed": {},
    "leased": {},
    "beginning": {},
    # S9, S10: nothing left us, which only the process itself can know
    "submitting": {"kill": UNPROVEN, "raise": UNPROVEN},
    "connected": {"kill": UNPROVEN, "raise": UNPROVEN},
    # S11, S12: the provider may have it
    "headers_sent": {"kill": UNPROVEN, "raise": UNPROVEN},
    "body_sent": {"kill": BOUND, "raise": BOUND, "stop": BOUND},
    # S13, S14: it has it
    "answered": {"kill": BOUND, "raise": BOUND, "stop": BOUND},
    "recording": {"kill": BOUND, "raise": BOUND, "stop": BOUND},
    # S16, S17: all is written down, and the message comes again
    "recorded": {},
}


class TestSending:
    @pytest.mark.parametrize("point", SENDING)
    def test_every_fault_ends_in_at_most_one_text(self, drill: Drill, point: str) -> None:
        world, message_id = drill.world, drill.world.message()

        def others() -> None:
            if SENDING[point].get(drill.mode) == BOUND:
                world.await_texts(1)
            recover(world, message_id)

        drill.strike("send", message_id, point=point, others=others)

        assert (len(world.texts()), world.status(message_id)) == SENDING[point].get(drill.mode, SENT)
        assert world.counted() == 1
        assert world.value("SELECT count(*) FROM decisions WHERE message_id = :id", id=message_id) >= 1

    @pytest.mark.parametrize("point", ["submitting", "connected"])
    def test_what_nobody_can_prove_is_held_in_the_end(self, world: World, point: str) -> None:
        control, message_id = world.message(), world.message()
        world.send(control)
        Drill(world, "kill").strike("send", message_id, point=point, others=lambda: recover(world, message_id))
        for minutes in (1, 5, 15, 61, 300):
            if world.status(message_id) == "uncertain":
                world.move(minutes=minutes)
                reconcile_messages(world.operations_worker, [message_id])

        assert (world.status(message_id), len(world.texts())) == ("held", 1)


class TestRecovery:
    """S18 to S20: who cleans up may meet a fault as well."""

    @pytest.mark.parametrize(
        ("act", "point"),
        [
            ("sweep", "sweeping"),
            ("sweep", "sweep_published"),
            ("reconcile", "reconciling"),
            ("reconcile", "reconciled"),
        ],
    )
    def test_a_text_in_doubt_is_bound_all_the_same(self, drill: Drill, act: str, point: str) -> None:
        world, message_id = drill.world, drill.world.message()
        assert world.child("send", message_id, failpoints="answered=kill").ended().how == "killed"
        world.end_leases()
        if act == "reconcile":
            sweep(world.beat)
            world.move(seconds=20)

        drill.strike(
            act,
            *([message_id] if act == "reconcile" else []),
            point=point,
            others=lambda: recover(world, message_id),
        )

        assert (world.status(message_id), len(world.texts())) == ("delivered", 1)


class TestPublishing:
    """S1 to S4: from the start of a campaign to the ids in the queue."""

    def test_a_campaign_is_started_whole_or_not_at_all(self, drill: Drill) -> None:
        world, people = drill.world, 3
        campaign_id = world.campaign(people=people, started=False)
        plan_hash = plan_campaign(world.console, campaign_id, by="a test").plan_hash
        seen = []

        def others() -> None:
            seen.append(len(world.rows_of(campaign_id)))
            start_campaign(world.console, campaign_id, plan_hash=plan_hash, by="a test")
            recover(world, *(row.id for row in world.rows_of(campaign_id)))

        drill.strike("start", campaign_id, plan_hash, point="starting", others=others)

        assert set(seen) <= {0, people}
        assert len(world.texts()) == people
        assert {row.status for row in world.rows_of(campaign_id)} == {"sent"}

    @pytest.mark.parametrize("point", ["dispatch_stamping", "dispatch_stamped", "dispatch_published"])
    def test_what_was_chosen_is_sent_once(self, drill: Drill, point: str) -> None:
        world = drill.world
        message_ids = [world.message() for _ in range(3)]

        drill.strike("dispatch", point=point, others=lambda: recover(world, *message_ids))

        world.send(*message_ids)  # the ids that were published before, once more
        assert len(world.texts()) == len(message_ids)
        assert {world.status(message_id) for message_id in message_ids} == {"sent"}


class TestWebhooks:
    """W4 to W14; the points before and after them are the ingress's own, in its tests."""

    @pytest.mark.parametrize("point", ["webhook_verified", "inbox_stored", "webhook_committing", "webhook_committed"])
    def test_row_and_opt_out_are_both_or_neither(self, drill: Drill, point: str) -> None:
        world, number = drill.world, new_number()
        contact_id = world.contact(number)
        delivery = world.delivery_in_child(world.text_from(number, "STOP"))

        def others() -> None:
            assert (world.person(contact_id).opted_out_at is not None) is bool(world.inbox_count())
            world.child("accept", *delivery).ended()

        drill.strike("accept", *delivery, point=point, others=others)

        assert world.person(contact_id).opted_out_at is not None
        assert world.inbox_count() == 1

    @pytest.mark.parametrize("point", ["event_claimed", "event_handling", "event_handled"])
    def test_one_effect_however_the_handler_ends(self, drill: Drill, point: str) -> None:
        world, message_id = drill.world, drill.world.message()
        world.send(message_id)
        inbox_id = world.accept(world.receipt_for("delivered", message_id)).inbox_id or 0

        def others() -> None:
            world.execute("UPDATE inbox SET next_attempt_at = NULL")
            handle_events(world.webhook_worker, [inbox_id])

        drill.strike("handle", inbox_id, point=point, others=others)

        assert (world.status(message_id), world.inbox(inbox_id).status) == ("delivered", "handled")
        assert world.value("SELECT count(*) FROM effects") == 1

    def test_three_deaths_put_an_event_aside_and_a_fourth_while_doing_so_loses_nothing(self, world: World) -> None:
        inbox_id = world.accept(world.text_from(new_number(), "hello")).inbox_id or 0
        for point in ("event_handling", "event_handling", "event_handling", "event_burying"):
            assert world.child("handle", inbox_id, failpoints=f"{point}=kill").ended().how == "killed"
            assert world.inbox(inbox_id).status == "new"
            world.end_leases()

        handle_events(world.webhook_worker, [inbox_id])

        assert (world.inbox(inbox_id).status, world.inbox(inbox_id).reason) == ("dead", "process_deaths")

    def test_a_page_of_the_list_and_its_cursor_are_kept_together(self, drill: Drill) -> None:
        """W15."""
        world, number = drill.world, new_number()
        audit_gaps(world.operations_worker)
        world.simulator.inject_inbound(number, "STOP")
        world.move(minutes=10)

        drill.strike("audit", point="gaps_committing", others=lambda: audit_gaps(world.operations_worker))

        assert world.inbox_count() == 1
        assert world.value("SELECT opted_out_at FROM contacts WHERE e164 = :number", number=number) is not None


class TestImporting:
    """X1: a confirmation goes on where it was cut off, by whoever comes next, and does nothing twice."""

    @pytest.mark.parametrize("chunks_before", [0, 1, 2, 4])
    def test_a_confirmation_that_was_cut_off_goes_on(
        self, drill: Drill, monkeypatch: pytest.MonkeyPatch, chunks_before: int
    ) -> None:
        world = drill.world
        numbers = [new_number() for _ in range(7)]
        world.contact(numbers[0])
        lines = ["phone,first_name,opted_out", *(f"{number},Ann {number}," for number in numbers)]
        lines += [f"{numbers[1]},Again,", f"{numbers[2]},,yes", f"{numbers[3]},,yes", "12,,yes"]
        import_id = dry_run_import(
            world.context, ["\n".join(lines).encode()], file_name="list.csv", by="a test"
        ).import_id
        monkeypatch.setattr(imports, "ROWS_AT_ONCE", 2)
        if chunks_before:
            with world.context.database.transaction() as session:
                confirming._begin(session, lock_import(session, import_id), by="a test")
        for _ in range(chunks_before):
            confirming._go_on(world.console, import_id)

        drill.strike("confirm", import_id, point="importing", others=lambda: ended(world, import_id))

        report = show_import(world.console, import_id)
        assert (report.status, report.accepted, report.merged) == ("confirmed", 4, 2)
        assert (report.rejected, report.suppressed) == (1, 4)
        assert report.foreseen == {"accepted": 4, "merged": 2, "rejected": 1, "suppressed": 4}
        assert world.value("SELECT count(*) FROM contacts") == len(numbers)
        assert world.value("SELECT count(*) FROM opt_outs") == 2
        assert world.value("SELECT first_name FROM contacts WHERE e164 = :e164", e164=numbers[1]) == f"Ann {numbers[1]}"


def ended(world: World, import_id: int) -> None:
    """What the sweep and the operations pool do: a dry run that nobody began to confirm stays one."""
    if not confirming.resume_import(world.console, import_id):
        raise AssertionError("so few rows take no task's whole time")
    if show_import(world.console, import_id).status == "dry_run":
        confirming.confirm_import(world.console, import_id, by="a test")
