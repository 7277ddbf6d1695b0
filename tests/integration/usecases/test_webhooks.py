"""What people and the provider say, stored once and heeded once, in any order and however often."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from services.core.domain.inbox import MAX_DEATHS, MAX_ERRORS
from services.core.openphone.outcomes import Accepted
from services.core.runtime import failpoints
from services.core.storage.models import DeadLetter, InboxEvent, Review
from services.core.usecases.dead_letters.find import list_dead_letters
from services.core.usecases.dead_letters.replay import replay_dead_letter
from services.core.usecases.messages.record_outcome import record_outcome
from services.core.usecases.operations.sweep import sweep
from services.core.usecases.webhooks.handle import handle_events
from tests.integration.usecases.test_sending import begin
from tests.tools.world import World, new_number


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


def count(world: World, model: type) -> int:
    with world.context.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


class TestOptOuts:
    @pytest.mark.parametrize("legacy", [False, True])
    def test_it_is_in_force_when_accepted_before_anything_is_handled(self, world: World, legacy: bool) -> None:
        number = new_number()
        contact_id = world.contact(number)
        waiting = world.message(contact_id=contact_id)

        world.accept(world.text_from(number, "Stop", legacy=legacy), legacy=legacy)

        assert world.person(contact_id).opted_out_at is not None
        assert (world.status(waiting), world.row(waiting).reason) == ("skipped", "opted_out")
        assert world.send(waiting) == 0

    @pytest.mark.parametrize(
        ("said", "opted_out"),
        [
            ([("stop", 1), ("start", 2)], False),
            ([("start", 2), ("stop", 1)], False),
            ([("start", 1), ("stop", 2)], True),
            ([("stop", 2), ("start", 1)], True),
            ([("stop", 1), ("start", 1)], True),
            ([("start", 1), ("stop", 1)], True),
            ([("start", 2), ("stop", 1), ("stop", 3)], True),
            ([("stop", 3), ("start", 2), ("stop", 1)], True),
        ],
    )
    def test_the_time_said_decides_not_the_arrival(
        self, world: World, said: list[tuple[str, int]], opted_out: bool
    ) -> None:
        number = new_number()
        contact_id, noon = world.contact(number), world.now() - timedelta(minutes=4)
        for word, minute in said:
            world.receive(world.text_from(number, word, sent_at=noon + timedelta(minutes=minute)))

        assert (world.person(contact_id).opted_out_at is not None) is opted_out

    def test_a_start_from_the_future_does_not_undo_the_next_stop(self, world: World) -> None:
        number = new_number()
        contact_id = world.contact(number)
        world.receive(world.text_from(number, "START", sent_at=world.now() + timedelta(hours=20)))
        world.receive(world.text_from(number, "STOP"))

        assert world.person(contact_id).opted_out_at is not None

    def test_a_stale_delivery_is_set_aside_and_its_stop_heeded(self, world: World) -> None:
        number = new_number()
        contact_id = world.contact(number)
        before = world.now() - timedelta(hours=2)

        taken = world.accept(world.text_from(number, "stop", sent_at=before), signed_at=before)

        assert taken.inbox_id is None
        assert taken.reason == "stale_signature"
        assert world.person(contact_id).opted_out_at is not None

    def test_a_stale_start_lifts_nothing(self, world: World) -> None:
        number = new_number()
        contact_id = world.contact(number)
        world.receive(world.text_from(number, "stop", sent_at=world.now() - timedelta(hours=3)))
        before = world.now() - timedelta(hours=2)
        world.receive(world.text_from(number, "start", sent_at=before), signed_at=before)

        assert world.person(contact_id).opted_out_at is not None

    @pytest.mark.parametrize(
        "spoil", [lambda raw: raw + b" trailing", lambda raw: raw.replace(b"STOP", b"STOP\\u0000")]
    )
    def test_an_unreadable_body_is_set_aside_and_its_stop_heeded(
        self, world: World, spoil: Callable[[bytes], bytes]
    ) -> None:
        number = new_number()
        contact_id = world.contact(number)

        taken = world.accept(spoil(json.dumps(world.text_from(number, "STOP")).encode()))

        assert taken.inbox_id is None
        assert world.person(contact_id).opted_out_at is not None

    def test_another_body_under_one_delivery_id_is_set_aside_and_its_stop_heeded(self, world: World) -> None:
        number = new_number()
        contact_id = world.contact(number)
        world.receive(world.text_from(number, "Thanks"), delivery_id="same")

        taken = world.accept(world.text_from(number, "Stop"), delivery_id="same")

        assert taken.reason == "other_body_under_one_delivery_id"
        assert world.person(contact_id).opted_out_at is not None

    def test_a_doubtful_text_pauses_and_asks(self, world: World) -> None:
        number = new_number()
        contact_id = world.contact(number)
        waiting = world.message(contact_id=contact_id)

        world.receive(world.text_from(number, "not interested"))

        person = world.person(contact_id)
        assert person.opted_out_at is None
        assert person.paused_at is not None
        assert count(world, Review) == 1
        assert world.send(waiting) == 0
        assert world.status(waiting) == "pending"


class TestOnce:
    def test_one_row_a_delivery_and_one_effect_an_event(self, world: World) -> None:
        number = new_number()
        world.contact(number)
        dated = world.text_from(number, "Is it you?", provider_id="ACsame")
        legacy = world.text_from(number, "Is it you?", provider_id="ACsame", legacy=True)

        taken = [
            world.receive(dated, delivery_id="d1").verdict,
            world.receive(dated, delivery_id="d1").verdict,
            world.receive(dated, delivery_id="d2").verdict,
            world.receive(legacy, legacy=True).verdict,
            world.receive(legacy, legacy=True).verdict,
        ]

        assert taken == ["stored", "duplicate", "stored", "stored", "duplicate"]
        assert count(world, InboxEvent) == 3
        with world.context.database.reading() as session:
            assert session.execute(select(func.count()).where(InboxEvent.reason == "effect_had_before")).scalar() == 2

    def test_an_unknown_type_is_kept_and_ignored(self, world: World) -> None:
        event = world.text_from(new_number(), "hi") | {"type": "message.translated"}

        taken = world.receive(event)

        assert (taken.inbox_id, taken.reason) == (None, "unknown_event_type")

    def test_a_receipt_for_a_message_of_nobody_waits(self, world: World) -> None:
        message_id = world.message()
        world.send(message_id)
        taken = world.receive(world.receipt_for("delivered", message_id, provider_id="ACelsewhere"))

        assert world.inbox(taken.inbox_id or 0).status == "parked"
        world.move(hours=73)
        sweep(world.beat)
        assert world.inbox(taken.inbox_id or 0).status == "ignored"


class TestReceipts:
    def test_it_may_come_before_our_own_commit(self, world: World) -> None:
        message_id = world.message()
        fence = begin(world, message_id)
        early = world.receive(world.receipt_for("delivered", message_id, provider_id="ACearly"))
        assert world.inbox(early.inbox_id or 0).status == "parked"

        record_outcome(
            world.campaign_worker, message_id, fence=fence, outcome=Accepted("ACearly", "queued", None), at=world.now()
        )
        handle_events(world.webhook_worker, [early.inbox_id or 0])

        assert world.status(message_id) == "delivered"

    def test_one_that_was_parked_while_the_outcome_committed_is_found(self, world: World) -> None:
        message_id = world.message()
        world.send(message_id)
        taken = world.accept(world.receipt_for("delivered", message_id))
        world.execute("UPDATE inbox SET status = 'parked' WHERE id = :id", id=taken.inbox_id)

        sweep(world.beat)
        handle_events(world.webhook_worker, [taken.inbox_id or 0])

        assert world.status(message_id) == "delivered"

    def test_it_is_evidence_for_a_text_in_doubt(self, world: World) -> None:
        message_id = world.message()
        world.simulator.add_fault("server_error", created=1, times=1)
        world.send(message_id)
        assert world.status(message_id) == "uncertain"
        provider_id = str(world.texts()[0]["id"])

        world.receive(world.receipt_for("delivered", message_id, provider_id=provider_id))

        assert (world.status(message_id), world.row(message_id).provider_message_id) == ("delivered", provider_id)

    def test_the_same_words_another_day_are_no_evidence(self, world: World) -> None:
        message_id = world.message()
        world.simulator.add_fault("server_error", times=1)
        world.send(message_id)
        receipt = world.receipt_for("delivered", message_id, provider_id="ACother")
        receipt["data"]["resource"]["createdAt"] = "2026-11-01T12:00:00.000Z"

        taken = world.receive(receipt)

        assert world.status(message_id) == "uncertain"
        assert world.inbox(taken.inbox_id or 0).status == "parked"

    def test_waiting_again_and_again_is_no_death(self, world: World) -> None:
        message_id = world.message()
        world.send(message_id)
        taken = world.receive(world.receipt_for("delivered", message_id, provider_id="ACelsewhere"))
        for _ in range(MAX_DEATHS + 2):
            world.execute("UPDATE inbox SET status = 'new' WHERE status = 'parked'")
            handle_events(world.webhook_worker, [taken.inbox_id or 0])

        assert world.inbox(taken.inbox_id or 0).status == "parked"


class TestPoison:
    def test_eight_errors_put_it_aside_and_a_replay_brings_it_back(self, world: World) -> None:
        number = new_number()
        world.contact(number)
        taken = world.accept(world.text_from(number, "hello"))
        for _ in range(MAX_ERRORS):
            failpoints.arm("event_handling=raise")
            world.execute("UPDATE inbox SET next_attempt_at = NULL")
            handle_events(world.webhook_worker, [taken.inbox_id or 0])
        failpoints.arm("")

        (letter,) = list_dead_letters(world.console).items
        assert (letter.reason, world.inbox(taken.inbox_id or 0).status) == ("attempts_exhausted", "dead")
        replay_dead_letter(world.console, letter.letter_id, by="a test")
        handle_events(world.webhook_worker, [taken.inbox_id or 0])
        assert world.inbox(taken.inbox_id or 0).status == "handled"
        assert count(world, DeadLetter) == 1

    def test_it_harms_nobody_else_in_its_batch(self, world: World) -> None:
        number = new_number()
        ids = [world.accept(world.text_from(number, f"hello {each}")).inbox_id or 0 for each in range(3)]
        failpoints.arm("event_handling=raise@2")

        handle_events(world.webhook_worker, ids)

        assert [world.inbox(each).status for each in ids] == ["handled", "new", "handled"]
