"""Bodies to events: every sample, every way a body can be wrong, and the opt-out that must still be found."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.domain.messages import Receipt
from services.core.domain.provider_events import (
    CallEvent,
    ContactEvent,
    MessageDelivered,
    MessageFailed,
    MessageReceived,
    MessageUndelivered,
    ProviderEvent,
    UnknownEvent,
)
from services.core.openphone.translate import Quarantined, peek_inbound_text, translate

SAMPLES = sorted((Path(__file__).parent / "data" / "quo-payloads").glob("*.json"))

KINDS: dict[str, type[ProviderEvent]] = {
    "message.received": MessageReceived,
    "message.delivered": MessageDelivered,
    "message.undelivered": MessageUndelivered,
    "message.failed": MessageFailed,
    "contact": ContactEvent,
    "call": CallEvent,
    "task": UnknownEvent,
}


Event = TypeVar("Event")


def read_as(kind: type[Event], raw: bytes) -> Event:
    event = translate(raw)
    assert isinstance(event, kind)
    return event


def sample(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "quo-payloads" / f"{name}.json").read_text())
    return read


def dated(**members: object) -> dict[str, Any]:
    return sample("2026-03-30__message.received") | members


def changed(path: str, value: object) -> bytes:
    document = dated()
    *parents, last = path.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    place[last] = value
    return json.dumps(document).encode()


def without(path: str, name: str = "2026-03-30__message.received") -> bytes:
    document = sample(name)
    *parents, last = path.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    del place[last]
    return json.dumps(document).encode()


class TestSamples:
    @pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
    def test_every_sample_becomes_an_event_of_its_kind(self, path: Path) -> None:
        name = path.stem.split("__")[1]
        event = read_as(next(kind for prefix, kind in KINDS.items() if name.startswith(prefix)), path.read_bytes())
        assert event.event_id == json.loads(path.read_text())["id"]
        assert event.effect_key.startswith(event.type)

    def test_there_are_46_samples(self) -> None:
        assert len(SAMPLES) == 46

    def test_a_received_message(self) -> None:
        assert translate(json.dumps(dated()).encode()) == MessageReceived(
            event_id="EV00000000000000000000000000051001",
            occurred_at=datetime(2026, 11, 20, 14, 5, 9, 214000, tzinfo=UTC),
            api_version="2026-03-30",
            type="message.received",
            message_id="AC3f9a1c7e5b2d4860a1c3e5f7092b4d68",
            sender="+12025550143",
            recipients=("+12025550100",),
            text="Yes, 3pm works for me.",
            sent_at=datetime(2026, 11, 20, 14, 5, 9, tzinfo=UTC),
            conversation_id="CN5d0c8f1e7a2b4c39b6e1f0a2d4c87e13",
            phone_number_id="PNq7Rk2LmZx",
        )

    @pytest.mark.parametrize(
        "name",
        ["legacy-v4__message.received", "legacy-v4__message.received.to-as-string", "legacy-app-v2__message.received"],
    )
    def test_all_schemes_tell_the_same_message(self, name: str) -> None:
        told, expected = (read_as(MessageReceived, json.dumps(each).encode()) for each in (sample(name), dated()))
        for field in ("message_id", "sender", "recipients", "text", "sent_at", "effect_key"):
            assert getattr(told, field) == getattr(expected, field)

    def test_a_failure_carries_its_code(self) -> None:
        failed, retryable = (
            read_as(MessageFailed, json.dumps(sample(f"2026-03-30__message.{name}")).encode())
            for name in ("failed.permanent", "failed")
        )
        undelivered = read_as(MessageUndelivered, json.dumps(sample("2026-03-30__message.undelivered")).encode())
        assert (failed.error_code, undelivered.error_code, retryable.error_code) == ("30006", "30007", None)
        assert (failed.receipt, undelivered.receipt) == (Receipt.FAILED, Receipt.UNDELIVERED)

    def test_a_second_failure_is_another_effect(self) -> None:
        document = sample("2026-03-30__message.failed")
        first = read_as(MessageFailed, json.dumps(document).encode())
        second = read_as(MessageFailed, json.dumps(document | {"createdAt": "2026-11-20T14:30:00Z"}).encode())
        assert first.effect_key != second.effect_key

    def test_media_are_counted_and_not_fetched(self) -> None:
        media = [{"url": "file:///etc/passwd"}, {"type": "image/png"}]
        event = read_as(MessageReceived, changed("data.resource.media", media))
        assert (event.media_count, event.media_urls) == (2, ("file:///etc/passwd",))


class TestQuarantine:
    @pytest.mark.parametrize(
        ("raw", "reason"),
        [
            (b"", "empty"),
            (b"STOP", "not_json"),
            (b"[]", "not_an_object"),
            (b'"text"', "not_an_object"),
            (b"\xef\xbb\xbf{}", "byte_order_mark"),
            (b'{"a":"\xff"}', "not_utf8"),
            (json.dumps(dated()).encode("utf-16"), "not_utf8"),
            (b'{"a":NaN}', "not_a_number"),
            (b'{"a":-Infinity}', "not_a_number"),
            (b'{"a":1e400}', "number_too_large"),
            (b'{"a":' + b"9" * 5000 + b"}", "number_too_large"),
            (b'{"a":1,"a":2}', "duplicate_key"),
            (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested_too_deep"),
            (b"[" * 100_000, "nested_too_deep"),
            (changed("data.resource.text", "STOP\0"), "nul_in_text"),
            (changed("data.resource.text", "\ud800"), "lone_surrogate"),
            (changed("data.resource.direction", "outgoing"), "direction_contradicts_type"),
        ],
    )
    def test_unreadable(self, raw: bytes, reason: str) -> None:
        assert translate(raw) == Quarantined(reason)

    @pytest.mark.parametrize("path", ["id", "type", "createdAt", "apiVersion", "data", "data.resource", "data.context"])
    def test_missing_in_the_envelope(self, path: str) -> None:
        assert isinstance(translate(without(path)), Quarantined)

    @pytest.mark.parametrize("path", ["data.resource.id", "data.resource.text", "data.context.senderIdentifier"])
    def test_missing_in_a_message(self, path: str) -> None:
        assert isinstance(translate(without(path)), Quarantined)

    @pytest.mark.parametrize("path", ["data.object", "data.object.id", "data.object.from", "data.object.text"])
    def test_missing_in_a_legacy_message(self, path: str) -> None:
        assert isinstance(translate(without(path, "legacy-v4__message.received")), Quarantined)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("id", 5),
            ("id", ""),
            ("id", "E" * 256),
            ("type", None),
            ("apiVersion", None),
            ("apiVersion", 2027),
            ("createdAt", "yesterday"),
            ("createdAt", 1795183509),
            ("createdAt", "1795183509"),
            ("createdAt", "2026-02-30T00:00:00Z"),
            ("createdAt", "2026-11-20T14:05:09"),
            ("createdAt", "0001-01-01T00:00:00+23:59"),
            ("data", []),
            ("data.resource", "AC1"),
            ("data.resource.id", None),
            ("data.resource.text", 5),
            ("data.resource.text", None),
            ("data.resource.media", "picture"),
            ("data.context.senderIdentifier", ["+12025550143"]),
            ("data.context.recipientIdentifiers", [5]),
        ],
    )
    def test_wrong_members(self, path: str, value: object) -> None:
        assert isinstance(translate(changed(path, value)), Quarantined)

    @pytest.mark.parametrize("version", ["2027-01-01", "v5", ""])
    @pytest.mark.parametrize("name", ["2026-03-30__message.received", "legacy-v4__message.received"])
    def test_an_unknown_version_is_read_as_the_newest_known(self, version: str, name: str) -> None:
        known = read_as(MessageReceived, json.dumps(sample(name)).encode())
        unknown = read_as(MessageReceived, json.dumps(sample(name) | {"apiVersion": version}).encode())

        assert known.is_version_known
        assert unknown == replace(known, api_version=version, is_version_known=False)

    def test_the_reason_never_holds_content(self) -> None:
        set_aside = read_as(Quarantined, changed("data.context.senderIdentifier", {"n": "+12025550143"}))
        assert "+12025550143" not in set_aside.reason

    def test_no_text_but_media(self) -> None:
        document = dated()
        document["data"]["resource"] |= {"text": None, "media": [{"url": "https://example.com/a"}]}
        event = read_as(MessageReceived, json.dumps(document).encode())
        assert (event.text, event.media_count) == (None, 1)

    def test_deep_brackets_in_a_text_are_no_nesting(self) -> None:
        assert isinstance(translate(changed("data.resource.text", "[{" * 500 + '"\\')), MessageReceived)

    @pytest.mark.parametrize("kind", ["message.read", "integration.created", "task.due_date_changed"])
    def test_an_unknown_type_is_no_fault(self, kind: str) -> None:
        assert isinstance(translate(changed("type", kind)), UnknownEvent)

    @pytest.mark.parametrize("path", ["extra", "data.extra", "data.resource.extra", "data.context.extra"])
    def test_unknown_members_are_ignored(self, path: str) -> None:
        assert translate(changed(path, {"a": [1]})) == translate(json.dumps(dated()).encode())

    @pytest.mark.parametrize(("ahead", "quarantined"), [(timedelta(days=1), False), (timedelta(days=1.001), True)])
    def test_an_event_from_the_future(self, ahead: timedelta, quarantined: bool) -> None:
        occurred_at = datetime(2026, 11, 20, 14, 5, 9, 214000, tzinfo=UTC)
        result = translate(json.dumps(dated()).encode(), at=occurred_at - ahead)
        assert isinstance(result, Quarantined) is quarantined


class TestPeek:
    SENDER = "+12025550143"

    @pytest.mark.parametrize(
        "raw",
        [
            changed("data.resource.text", "STOP"),
            changed("data.resource.text", "ST\0OP"),
            changed("data.resource.text", "STOP").replace(b'"id"', b'"identity"'),
            changed("data.resource.text", "STOP").replace(b"2026-03-30", b"2031-01-01"),
            changed("data.resource.text", "STOP")[:-20],
            b"\xef\xbb\xbf" + changed("data.resource.text", "STOP"),
            changed("data.resource.text", "STOP").decode().encode("utf-16-le"),
            changed("data.resource.text", "STOP").replace(b'"media"', b'"big":1e400,"bad":NaN,"media"'),
            changed("data.resource.text", "STOP") + b"[" * 100_000,
            json.dumps(sample("legacy-app-v2__message.received")).encode().replace(b"Yes, 3pm works for me.", b"STOP"),
            json.dumps(sample("legacy-v4__message.received")).encode().replace(b"Yes, 3pm works for me.", b"STOP"),
        ],
    )
    def test_the_opt_out_is_found(self, raw: bytes) -> None:
        assert peek_inbound_text(raw) == (self.SENDER, "STOP")

    def test_a_doubled_text_hides_nothing(self) -> None:
        raw = changed("data.resource.text", "STOP").replace(b'"media"', b'"text":"hello","media"')
        assert translate(raw) == Quarantined("duplicate_key")
        assert peek_inbound_text(raw) == (self.SENDER, "STOP\nhello")

    def test_escapes_and_lone_surrogates(self) -> None:
        raw = changed("data.resource.text", 'say "STOP"\n\U0001f44d \ud800')
        assert peek_inbound_text(raw) == (self.SENDER, 'say "STOP"\n\U0001f44d ?')

    def test_a_text_cannot_pretend_to_be_ours(self) -> None:
        text = 'STOP","direction":"outgoing'
        assert peek_inbound_text(changed("data.resource.text", text)) == (self.SENDER, text)

    @pytest.mark.parametrize("path", [path for path in SAMPLES if "message.received" not in path.stem])
    def test_nothing_but_incoming_messages(self, path: Path) -> None:
        assert peek_inbound_text(path.read_bytes()) is None

    def test_a_text_of_ours_is_not_theirs(self) -> None:
        assert peek_inbound_text(changed("data.resource.direction", "outgoing")) is None

    def test_agrees_with_translate(self) -> None:
        for path in SAMPLES:
            if "message.received" in path.stem:
                event = read_as(MessageReceived, path.read_bytes())
                assert peek_inbound_text(path.read_bytes()) == (event.sender, event.text)


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_noise_never_raises(raw: bytes) -> None:
    assert isinstance(translate(raw), Quarantined)
    peek_inbound_text(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200)
@given(path=st.sampled_from(SAMPLES), data=st.data())
def test_mutated_samples_never_raise(path: Path, data: st.DataObject) -> None:
    document = json.loads(path.read_text())
    place = document
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not (isinstance(place[key], dict) and place[key] and data.draw(st.booleans())):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    raw = json.dumps(document).encode()
    translate(raw, at=datetime(2026, 11, 20, tzinfo=UTC))
    peek_inbound_text(raw)


@settings(max_examples=200)
@given(path=st.sampled_from(SAMPLES), position=st.floats(0, 1), byte=st.binary(max_size=3))
def test_damaged_samples_never_raise(path: Path, position: float, byte: bytes) -> None:
    raw = path.read_bytes()
    cut = int(position * len(raw))
    damaged = raw[:cut] + byte + raw[cut + 1 :]
    translate(damaged)
    peek_inbound_text(damaged)
