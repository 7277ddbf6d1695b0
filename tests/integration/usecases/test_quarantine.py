"""Nothing that the provider signed is silent: what was set aside is counted, seen, and has its way back."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.domain.health import judge
from services.core.domain.inbox import InboxStatus
from services.core.domain.reconciliation import ListedMessage
from services.core.openphone.client import OpenPhoneClient
from services.core.queue.names import Queue
from services.core.runtime import metering
from services.core.storage.models import Message
from services.core.usecases.instruments import INSTRUMENTS
from services.core.usecases.operations.clean_up import clean_up
from services.core.usecases.operations.sweep import sweep
from services.core.usecases.operations.vitals import read_vitals
from services.core.usecases.webhooks.accept import Acceptance
from services.core.usecases.webhooks.audit_gaps import audit_gaps
from services.core.usecases.webhooks.discard import discard_webhook
from services.core.usecases.webhooks.find import list_webhooks
from services.core.usecases.webhooks.find import show_webhook as show
from services.core.usecases.webhooks.handle import handle_events
from services.core.usecases.webhooks.replay import replay_webhook, replay_webhooks
from services.core.views.webhooks import DiscardWebhook, SeveralWebhooks
from tests.tools.world import World, new_number

BY = "maria"


def stale(world: World, body: dict[str, Any], **ago: float) -> int:
    """A delivery that was signed so long ago that it was set aside; its id."""
    taken = world.accept(body, signed_at=world.now() - timedelta(**ago or {"hours": 2}))
    assert taken.reason == "stale_signature"
    return newest(world)


def newest(world: World) -> int:
    return int(world.value("SELECT max(id) FROM inbox"))


def drain(world: World) -> None:
    """Let everything that waits be handled."""
    world.move(seconds=10)
    ids = [row.webhook_id for row in list_webhooks(world.console, status=InboxStatus.NEW, after=0, limit=1000).items]
    handle_events(world.webhook_worker, ids)


def is_opted_out(world: World, contact_id: int) -> bool:
    return world.person(contact_id).opted_out_at is not None


def replies(world: World) -> list[str | None]:
    with world.context.database.reading() as session:
        return list(session.scalars(select(Message.body).where(Message.direction == "incoming").order_by(Message.id)))


def is_well(world: World) -> bool:
    with world.context.database.reading() as session:
        parts = {part.name: part.well for part in judge(read_vitals(world.context, session))}
    return parts["quarantine"]


@pytest.fixture(autouse=True)
def table() -> None:
    metering.share_table(1, INSTRUMENTS)


def counted(name: str, **labels: str) -> float:
    return sum(
        float(each.value)
        for each in metering.read()
        if each.instrument.name == name
        and labels.items() <= dict(each.labels).items()
        and isinstance(each.value, float)
    )


WAYS_IN: dict[str, Callable[[World, str], Acceptance]] = {
    "stale_signature": lambda world, who: world.accept(
        world.text_from(who, "hello"), signed_at=world.now() - timedelta(hours=1)
    ),
    "not_json": lambda world, who: world.accept(json.dumps(world.text_from(who, "hello")).encode() + b"}"),
    "nul_in_text": lambda world, who: world.accept(world.text_from(who, "hel\0lo")),
    "created_in_the_future": lambda world, who: world.accept(
        world.text_from(who, "hello", sent_at=world.now() + timedelta(days=3))
    ),
    "unknown_event_type": lambda world, who: world.accept(world.text_from(who, "hello") | {"type": "message.inbound"}),
}


@pytest.mark.parametrize("reason", WAYS_IN)
class TestWhateverSetItAside:
    def test_it_is_in_health_listed_and_shown_byte_for_byte(self, world: World, reason: str) -> None:
        assert is_well(world)
        before = counted("attackacrack.inbox.events", status="quarantined")

        taken = WAYS_IN[reason](world, new_number())

        assert (taken.inbox_id, taken.reason) == (None, reason)
        assert counted("attackacrack.inbox.events", status="quarantined") == before + 1
        assert not is_well(world)
        [row] = list_webhooks(world.console, status=InboxStatus.QUARANTINED, after=0, limit=10).items
        shown = show(world.console, row.webhook_id)
        assert (row.reason, shown.api_version) == (reason, "2026-03-30")
        assert b64decode(shown.raw or "") == world.inbox(row.webhook_id).raw

    def test_discarding_ends_the_alarm_and_is_no_dead_end(self, world: World, reason: str) -> None:
        WAYS_IN[reason](world, new_number())
        with pytest.raises(RefusedInput, match="say why"):
            discard_webhook(world.console, newest(world), DiscardWebhook(note=" "), by=BY)

        discarded = discard_webhook(world.console, newest(world), DiscardWebhook(note="known"), by=BY)

        assert is_well(world)
        assert (discarded.status, discarded.reason) == ("ignored", "discarded")
        with pytest.raises(Conflict):
            discard_webhook(world.console, newest(world), DiscardWebhook(note="again"), by=BY)
        assert world.value("SELECT detail->>'note' FROM audit WHERE act = 'webhook.discarded'") == "known"

    def test_once_its_body_was_erased_in_time_it_can_only_be_discarded(self, world: World, reason: str) -> None:
        WAYS_IN[reason](world, new_number())
        world.move(days=31)
        clean_up(world.operations_worker)

        assert not is_well(world)
        assert show(world.console, newest(world)).raw is None
        with pytest.raises(Conflict, match="erased"):
            replay_webhook(world.console, newest(world), by=BY)
        discard_webhook(world.console, newest(world), DiscardWebhook(note="too old"), by=BY)
        assert is_well(world)


class TestReplay:
    def test_a_stale_reply_comes_into_its_conversation_once(self, world: World) -> None:
        webhook_id = stale(world, world.text_from(new_number(), "How much is it?"))

        assert replay_webhook(world.console, webhook_id, by=BY, dry_run=True).status == "quarantined"
        assert replay_webhook(world.console, webhook_id, by=BY).status == "new"
        assert world.context.inspector.waiting(Queue.WEBHOOKS) == 1
        drain(world)

        assert replies(world) == ["How much is it?"]
        assert is_well(world)
        with pytest.raises(Conflict, match="had its effect"):
            replay_webhook(world.console, webhook_id, by=BY)
        assert world.value("SELECT count(*) FROM audit WHERE act = 'webhook.replayed'") == 1

    def test_what_came_another_way_meanwhile_takes_no_second_effect(self, world: World) -> None:
        body = world.text_from(new_number(), "How much is it?")
        webhook_id = stale(world, body)
        world.receive(body)
        replay_webhook(world.console, webhook_id, by=BY)
        drain(world)

        assert replies(world) == ["How much is it?"]
        assert world.inbox(webhook_id).reason == "effect_had_before"

    @pytest.mark.parametrize(
        ("late", "prompt", "opted_out"),
        [(("stop", 1), ("start", 2), False), (("start", 1), ("stop", 2), True), (("start", 2), ("stop", 1), False)],
    )
    def test_stop_and_start_count_by_when_they_were_said(
        self, world: World, late: tuple[str, int], prompt: tuple[str, int], opted_out: bool
    ) -> None:
        number, noon = new_number(), world.now() - timedelta(hours=3)
        contact_id = world.contact(number)
        webhook_id = stale(world, world.text_from(number, late[0], sent_at=noon + timedelta(minutes=late[1])))
        world.receive(world.text_from(number, prompt[0], sent_at=noon + timedelta(minutes=prompt[1])))
        replay_webhook(world.console, webhook_id, by=BY)
        drain(world)

        assert is_opted_out(world, contact_id) is opted_out

    def test_what_only_a_later_time_or_version_reads_waits_for_it(self, world: World) -> None:
        number = new_number()
        contact_id = world.contact(number)
        world.accept(world.text_from(number, "See you", sent_at=world.now() + timedelta(days=3)))
        webhook_id = newest(world)
        with pytest.raises(Conflict, match="created_in_the_future"):
            replay_webhook(world.console, webhook_id, by=BY)
        assert world.inbox(webhook_id).status == "quarantined"

        world.move(days=3)
        replay_webhook(world.console, webhook_id, by=BY)
        drain(world)
        assert replies(world) == ["See you"]
        assert not is_opted_out(world, contact_id)

    def test_many_at_once_and_what_cannot_be_is_named(self, world: World) -> None:
        for _ in range(3):
            stale(world, world.text_from(new_number(), "hello"))
        WAYS_IN["not_json"](world, new_number())

        found = replay_webhooks(world.console, SeveralWebhooks(), by=BY)

        assert [each.status for each in found.items] == ["new"] * 3
        assert [each.code for each in found.refused] == ["webhook_unreadable"]

    @pytest.mark.parametrize("status", ["new", "parked", "handled", "dead"])
    def test_only_what_was_set_aside_is_replayed(self, world: World, status: str) -> None:
        webhook_id = stale(world, world.text_from(new_number(), "hello"))
        world.execute("UPDATE inbox SET status = :status", status=status)
        with pytest.raises(Conflict) as refused:
            replay_webhook(world.console, webhook_id, by=BY)
        assert refused.value.code == "webhook_not_set_aside"
        with pytest.raises(NotFound):
            replay_webhook(world.console, webhook_id + 1, by=BY)


class TestTheNextVersion:
    @pytest.mark.parametrize("legacy", [False, True])
    def test_a_reply_of_an_unknown_version_is_read_as_the_newest_known(self, world: World, legacy: bool) -> None:
        before = counted("attackacrack.webhooks.versions", version="unknown")
        body = world.text_from(new_number(), "How much is it?", legacy=legacy) | {"apiVersion": "2031-01-01"}
        taken = world.receive(body)

        assert taken.reason == "unknown_api_version"
        assert counted("attackacrack.webhooks.versions", version="unknown") == before + 1
        assert world.inbox(taken.inbox_id or 0).status == "handled"
        assert replies(world) == ["How much is it?"]
        assert is_well(world)

    def test_a_stop_of_an_unknown_type_is_in_force_and_seen(self, world: World) -> None:
        number = new_number()
        contact_id = world.contact(number)
        world.accept(world.text_from(number, "STOP") | {"type": "message.inbound.v2", "apiVersion": "2031-01-01"})

        assert is_opted_out(world, contact_id)
        assert not is_well(world)


@dataclass(frozen=True, slots=True)
class Place:
    holder: dict[str, Any]
    name: str


def places(value: object) -> Iterator[Place]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield Place(value, name)
            yield from places(member)


def without_a_member(event: dict[str, Any], chance: Random) -> None:
    place = chance.choice([each for each in places(event) if each.name not in KEPT])
    del place.holder[place.name]


def with_another_type(event: dict[str, Any], chance: Random) -> None:
    place = chance.choice([each for each in places(event) if each.name not in KEPT])
    place.holder[place.name] = chance.choice([None, 5, -1.5, True, [], {}, [{}], "", "x" * 300, 10**18])


def with_more_members(event: dict[str, Any], chance: Random) -> None:
    holder = chance.choice([each.holder for each in places(event)])
    holder[f"new{chance.random()}"] = chance.choice([None, {"deep": [{"er": 1}]}, "STOPPING BY", 7])


def with_other_names(event: dict[str, Any], chance: Random) -> None:
    for place in [each for each in places(event) if each.name in RENAMED]:
        place.holder[chance.choice(RENAMED[place.name])] = place.holder.pop(place.name)


def with_other_shape(event: dict[str, Any], chance: Random) -> None:
    for place in [each for each in places(event) if each.name in RENAMED]:
        value = place.holder[place.name]
        place.holder[place.name] = chance.choice([[value], {"phoneNumber": value, place.name: value}])


def in_another_place(event: dict[str, Any], chance: Random) -> None:
    data = event.pop("data")
    event[chance.choice(["data", "payload", "event"])] = {"items": [data["context"] | data["resource"]]}


KEPT = {"data", "resource", "context", "text", "senderIdentifier", "type", "direction"}
RENAMED = {"text": ["body", "content"], "senderIdentifier": ["from", "sender"]}
CHANGES = (
    without_a_member,
    with_another_type,
    with_more_members,
    with_other_names,
    with_other_shape,
    in_another_place,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_a_stop_in_any_body_is_in_force_and_nothing_is_silent(world: World, change: Callable[..., None]) -> None:
    """Whatever a version may change about a body: it is handled or set aside before all eyes, and never raises."""
    chance = Random(11)
    for _ in range(12):
        number = new_number()
        contact_id = world.contact(number)
        event = deepcopy(world.text_from(number, "STOP"))
        event["apiVersion"] = chance.choice(["2026-03-30", "2031-01-01", "v9"])
        change(event, chance)
        taken = world.receive(event)

        assert is_opted_out(world, contact_id), event
        status = world.inbox(newest(world)).status
        assert status in ("handled", "quarantined"), event
        assert (taken.inbox_id is None) == (status == "quarantined")


class TestWhenAndByWhom:
    EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize(("first", "then"), [("START", "STOP"), ("STOP", "START")])
    def test_a_time_that_cannot_be_is_replaced_by_the_signatures(self, world: World, first: str, then: str) -> None:
        number = new_number()
        contact_id = world.contact(number)
        world.receive(world.text_from(number, "STOP", sent_at=world.now() - timedelta(minutes=9)))
        world.receive(world.text_from(number, first, sent_at=world.now() - timedelta(minutes=4)))
        world.receive(world.text_from(number, then, sent_at=self.EPOCH))

        assert is_opted_out(world, contact_id) is (then == "STOP")

    def test_a_start_that_was_only_delivered_late_lifts_no_later_stop(self, world: World) -> None:
        number = new_number()
        contact_id = world.contact(number)
        world.receive(world.text_from(number, "STOP", sent_at=world.now() - timedelta(days=2)))
        world.receive(world.text_from(number, "START", sent_at=world.now() - timedelta(days=3)))

        assert is_opted_out(world, contact_id)

    @pytest.mark.parametrize(
        "form", ["{1} ({2}) {3}-{4}", "+1 {2} {3} {4}", "({2}) {3}-{4}", "tel:+1{2}{3}{4}", "{2}{3}{4}"]
    )
    def test_a_sender_is_read_alike_for_stop_start_help_and_reply(
        self, make_world: Callable[..., World], form: str
    ) -> None:
        world = make_world(help_text="We mend porches.")
        number = new_number()
        contact_id = world.contact(number)
        written = form.format("", "1", number[2:5], number[5:8], number[8:])
        minutes = {"STOP": 4, "START": 3, "HELP": 2, "How much is it?": 1}
        seen = []
        for said, minute in minutes.items():
            world.receive(world.text_from(written, said, sent_at=world.now() - timedelta(minutes=minute)))
            seen.append(is_opted_out(world, contact_id))

        assert seen == [True, False, False, False]
        with world.context.database.reading() as session:
            rows = session.scalars(select(Message).where(Message.contact_id == contact_id)).all()
        assert {row.e164 for row in rows} == {number}
        assert sorted(row.direction for row in rows) == ["incoming"] * 4 + ["outgoing"]


class TestTheGapAudit:
    def test_a_cursor_from_a_clock_that_ran_ahead_blinds_nothing(self, world: World) -> None:
        world.execute("UPDATE installation SET gap_audit_cursor = product_now() + interval '30 days'")
        world.simulator.inject_inbound(new_number(), "Hello?")
        world.move(minutes=5)

        assert audit_gaps(world.operations_worker)["backfilled"] == 1
        assert world.value("SELECT gap_audit_cursor <= product_now() FROM installation")

    def test_what_the_provider_does_not_confirm_is_asked_for_less_and_less(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        get = OpenPhoneClient.get_message

        def note(client: OpenPhoneClient, id_: str) -> ListedMessage:
            asked.append(id_)
            return get(client, id_)

        monkeypatch.setattr(OpenPhoneClient, "get_message", note)
        stale(world, world.text_from(new_number(), "Never written", provider_id="ACnever"))
        no_id = stale(world, world.text_from(new_number(), "Nobody's id", provider_id="no such form/of id"))
        for _ in range(3):
            audit_gaps(world.operations_worker)
        assert sorted(asked) == ["ACnever", "no such form/of id"]
        world.move(days=2)
        world.execute("UPDATE inbox SET next_attempt_at = now() - interval '1 second'")
        audit_gaps(world.operations_worker)
        audit_gaps(world.operations_worker)
        assert len(asked) == 4
        assert world.value("SELECT bool_and(next_attempt_at > now() + interval '47 hours') FROM inbox")
        assert replay_webhook(world.console, no_id, by=BY).status == "new"
        assert world.inbox(no_id).next_attempt_at is None

    def test_a_stale_reply_is_taken_once_the_provider_confirms_it(self, world: World) -> None:
        number = new_number()
        told = world.simulator.inject_inbound(number, "Hello?")
        webhook_id = stale(world, world.text_from(number, "Hello?", provider_id=str(told["id"])))
        other = stale(world, world.text_from(number, "Never written"))
        world.move(days=5)
        world.execute("UPDATE installation SET gap_audit_cursor = product_now()")  # it passed them while clocks parted
        audit_gaps(world.operations_worker)
        drain(world)

        assert replies(world) == ["Hello?"]
        assert (world.inbox(webhook_id).status, world.inbox(webhook_id).reason) == (
            "ignored",
            "confirmed_by_the_provider",
        )
        assert world.inbox(other).status == "quarantined"
        sweep(world.beat)
        audit_gaps(world.operations_worker)
        assert world.value("SELECT count(*) FROM inbox WHERE scheme = 'backfill'") == 1
