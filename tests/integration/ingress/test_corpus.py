"""Signatures, bodies and texts against the real process: what is answered, what is stored, and what is in force."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.tools.ingress import (
    LEGACY,
    PREVIOUS,
    RETIRED,
    STANDARD,
    RunningIngress,
    body_of,
    legacy,
    new_delivery_id,
    received,
    standard,
)

Headers = dict[str, str]
_people = count(0)


def new_person() -> str:
    return f"+1202555{next(_people):04d}"


def dropping(name: str) -> Callable[[bytes], Headers]:
    return lambda body: {key: value for key, value in standard(body).items() if key != name}


def replacing(name: str, change: Callable[[str], str]) -> Callable[[bytes], Headers]:
    return lambda body: (headers := standard(body)) | {name: change(headers[name])}


def signed(**options: Any) -> Callable[[bytes], Headers]:
    return lambda body: standard(body, **options)


def by_library(body: bytes) -> Headers:
    at, delivery_id = datetime.now(UTC), new_delivery_id()
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(STANDARD).sign(delivery_id, at, body.decode()),
    }


SIGNATURES: dict[str, tuple[Callable[[bytes], Headers], int, str]] = {
    "valid": (signed(), 200, "new"),
    "by the reference library": (by_library, 200, "new"),
    "legacy": (legacy, 200, "new"),
    "old key in rotation": (signed(secrets=(PREVIOUS,)), 200, "new"),
    "both keys": (signed(secrets=(PREVIOUS, STANDARD)), 200, "new"),
    "retired and current key": (signed(secrets=(RETIRED, STANDARD)), 200, "new"),
    "both schemes": (lambda body: standard(body) | legacy(body), 200, "new"),
    "an unknown version beside": (replacing("webhook-signature", lambda text: f"v9,abc {text}"), 200, "new"),
    "6 minutes old": (signed(late=timedelta(minutes=6)), 200, "quarantined"),
    "6 minutes ahead": (signed(late=-timedelta(minutes=6)), 200, "quarantined"),
    "legacy 6 minutes old": (lambda body: legacy(body, late=timedelta(minutes=6)), 200, "quarantined"),
    "one of both schemes old": (
        lambda body: standard(body) | legacy(body, late=timedelta(hours=1)),
        200,
        "quarantined",
    ),
    "31 days old": (signed(late=timedelta(days=31)), 401, ""),
    "no signature": (lambda _: {}, 401, ""),
    "retired key": (signed(secrets=(RETIRED,)), 401, ""),
    "another endpoint's key": (signed(secrets=(LEGACY,)), 401, ""),
    "both schemes, one wrong": (lambda body: standard(body) | legacy(body + b" "), 401, ""),
    "wrong version tag": (replacing("webhook-signature", lambda text: text.replace("v1,", "v2,")), 401, ""),
    "no version tag": (replacing("webhook-signature", lambda text: text.removeprefix("v1,")), 401, ""),
    "empty list": (replacing("webhook-signature", lambda _: ""), 401, ""),
    "1,000 signatures": (replacing("webhook-signature", lambda text: " ".join([text] * 1000)), 401, ""),
    "nine signatures": (replacing("webhook-signature", lambda text: " ".join(["v1,AAAA"] * 8 + [text])), 401, ""),
    "bad base64": (replacing("webhook-signature", lambda text: f"{text[:-3]}***"), 401, ""),
    "short signature": (replacing("webhook-signature", lambda text: text[:-8]), 401, ""),
    "longer signature": (replacing("webhook-signature", lambda text: f"{text}AAAA"), 401, ""),
    "another id": (replacing("webhook-id", lambda text: f"{text}0"), 401, ""),
    "another second": (replacing("webhook-timestamp", lambda text: str(int(text) - 1)), 401, ""),
    "no id": (dropping("webhook-id"), 401, ""),
    "no timestamp": (dropping("webhook-timestamp"), 401, ""),
    "negative timestamp": (signed(timestamp="-1764000000"), 401, ""),
    "timestamp 1e30": (signed(timestamp="1e30"), 401, ""),
    "timestamp NaN": (signed(timestamp="NaN"), 401, ""),
    "31 digits": (signed(timestamp="1" + "0" * 30), 401, ""),
    "fraction": (signed(timestamp="1764000000.5"), 401, ""),
    "full stop in the id": (signed(delivery_id="msg_1.5"), 401, ""),
    "10 kB id": (signed(delivery_id="m" * 10_000), 401, ""),
    "256 characters of id": (signed(delivery_id="m" * 256), 401, ""),
    "255 characters of id": (signed(delivery_id="m" * 255), 200, "new"),
    "empty id": (signed(delivery_id=""), 401, ""),
    "legacy, wrong scheme": (lambda body: {"openphone-signature": legacy(body)["openphone-signature"][5:]}, 401, ""),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(ingress: RunningIngress, name: str) -> None:
    headers_of, status, stored_as = SIGNATURES[name]
    body = body_of(received())
    before = len(ingress.rows())
    reply = ingress.post(body, headers_of(body))
    rows = ingress.rows()[before:]
    assert reply.status_code == status
    assert [(bytes(row["raw"]), row["status"]) for row in rows] == ([(body, stored_as)] if status == 200 else [])
    if status == 401:
        assert reply.json()["code"] == "signature_invalid"


@pytest.mark.parametrize("place", [0, 1])
def test_several_signature_headers_are_one_list(ingress: RunningIngress, place: int) -> None:
    body = body_of(received())
    delivery_id = new_delivery_id()
    headers = list(standard(body, delivery_id=delivery_id).items())
    headers.insert(place * len(headers), ("webhook-signature", "v1,AAAA"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = f"POST /webhooks/openphone HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
    assert ingress.exchange(head.encode() + body).status == 200
    assert ingress.rows(delivery_id)[0]["status"] == "new"


def test_a_non_ascii_id_is_refused(ingress: RunningIngress) -> None:
    body = body_of(received())
    headers: Any = {name: value.encode() for name, value in standard(body).items()} | {"webhook-id": "msg_é".encode()}
    assert ingress.call("POST", "/webhooks/openphone", content=body, headers=headers).status_code == 401


@pytest.mark.parametrize("position", [0, 40, -1])
def test_one_flipped_bit(ingress: RunningIngress, position: int) -> None:
    body = bytearray(body_of(received()))
    headers = standard(bytes(body))
    body[position] ^= 1
    assert ingress.post(bytes(body), headers).status_code == 401


def test_reserialised_json_is_another_body(ingress: RunningIngress) -> None:
    body = body_of(received())
    assert ingress.post(json.dumps(json.loads(body), indent=1).encode(), standard(body)).status_code == 401


def without(*path: str) -> bytes:
    document = received()
    place = document
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return body_of(document)


def with_raw(member: bytes) -> bytes:
    return body_of(received())[:-1] + b"," + member + b"}"


def of_unknown_type_without_text() -> bytes:
    document = received(type="task.created")
    del document["data"]["resource"]["text"]
    return body_of(document)


BODIES: dict[str, tuple[bytes, str, str | None]] = {
    "extra members": (body_of(received(extra={"deep": [1]})), "new", None),
    "without text, with media": (body_of(received(text="")), "new", None),
    "empty": (b"", "quarantined", "empty"),
    "not JSON": (b"STOP", "quarantined", "not_json"),
    "cut off": (body_of(received())[:-1], "quarantined", "not_json"),
    "bytes": (b"\xff\xfe\x00\x00", "quarantined", "not_utf8"),
    "a list": (b"[]", "quarantined", "not_an_object"),
    "byte order mark": (b"\xef\xbb\xbf" + body_of(received()), "quarantined", "byte_order_mark"),
    "NaN": (with_raw(b'"n":NaN'), "quarantined", "not_a_number"),
    "1e400": (with_raw(b'"n":1e400'), "quarantined", "number_too_large"),
    "5,000 digits": (with_raw(b'"n":' + b"9" * 5000), "quarantined", "number_too_large"),
    "100,000 deep": (with_raw(b'"n":' + b"[" * 50_000 + b"]" * 50_000), "quarantined", "nested_too_deep"),
    "duplicate key": (with_raw(b'"type":"call.completed"'), "quarantined", "duplicate_key"),
    "lone surrogate": (with_raw(rb'"n":"\ud800"'), "quarantined", "lone_surrogate"),
    "NUL in a text": (with_raw(rb'"n":"\u0000"'), "quarantined", "nul_in_text"),
    "unknown type": (of_unknown_type_without_text(), "ignored", "unknown_event_type"),
    "a person's text of an unknown type": (body_of(received(type="task.created")), "quarantined", None),
    "unknown version": (body_of(received(apiVersion="2031-01-01")), "new", "unknown_api_version"),
    "no data": (without("data"), "quarantined", None),
    "no id": (without("id"), "quarantined", None),
    "no sender": (without("data", "context", "senderIdentifier"), "quarantined", None),
    "id of 256": (body_of(received(id="E" * 256)), "quarantined", None),
    "type of 100,000": (body_of(received(type="t" * 100_000)), "quarantined", None),
    "id is a number": (body_of(received(id=7)), "quarantined", None),
    "created tomorrow but one": (body_of(received(createdAt="2099-01-01T00:00:00Z")), "quarantined", None),
}


@pytest.mark.parametrize("headers_of", [standard, legacy])
@pytest.mark.parametrize("name", BODIES)
def test_signed_body(ingress: RunningIngress, name: str, headers_of: Callable[[bytes], Headers]) -> None:
    body, status, reason = BODIES[name]
    before = len(ingress.rows())
    reply = ingress.post(body, headers_of(body))
    [row] = ingress.rows()[before:]
    assert reply.status_code == 200
    assert (bytes(row["raw"]), row["status"]) == (body, status)
    assert reason is None or row["reason"] == reason
    assert (row["reason"] is None) == (status == "new" and reason is None)


MEANINGS = [
    ("STOP", "opted_out"),
    ("stop.", "opted_out"),
    ("Stop!!", "opted_out"),
    ("please stop", "opted_out"),
    ("S\u200bT\u200bO\u200bP", "opted_out"),
    ("ＳＴＯＰ", "opted_out"),
    ("\u202estop\u202c", "opted_out"),
    ("🛑 STOP 👨‍👩‍👧", "opted_out"),
    ("Please remove me from your list", "opted_out"),
    ("STOP " + "x" * 1600, "paused"),
    ("don't stop", "paused"),
    ("not interested", "paused"),
    ("can you stop by tomorrow?", None),
    ("unstop", None),
    ("Yes, 3pm works 👨‍👩‍👧", None),
    ("x" * 1600, None),
]


@pytest.mark.parametrize(("text", "state"), MEANINGS, ids=lambda value: ascii(value)[:30])
def test_what_the_text_means_is_in_force_at_the_answer(ingress: RunningIngress, text: str, state: str | None) -> None:
    sender = new_person()
    assert ingress.post(body_of(received(text, sender=sender))).status_code == 200
    assert state_of(ingress, sender) == state


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[:-2],
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: body.replace(b"STOP", rb"ST\u0000OP"),
        lambda body: body.replace(b'"apiVersion":"2026-03-30"', b'"apiVersion":7'),
        lambda body: body[:-1] + b',"n":NaN}',
    ],
    ids=["cut", "mark", "nul", "version", "nan"],
)
def test_an_opt_out_in_an_unreadable_body_is_in_force(ingress: RunningIngress, spoil: Callable[[bytes], bytes]) -> None:
    sender = new_person()
    assert ingress.post(spoil(body_of(received("STOP", sender=sender)))).json()["status"] == "stored"
    assert state_of(ingress, sender) == "opted_out"


@pytest.mark.parametrize(
    ("sender", "stored_as"),
    [
        ("(202) 556-0101", "+12025560101"),
        ("001 202 556 0102", None),
        ("12025560103", "+12025560103"),
        ("72975", None),
        ("ACMECORP", None),
        ("person@example.com", None),
        ("+", None),
    ],
)
def test_every_form_of_sender_is_kept(ingress: RunningIngress, sender: str, stored_as: str | None) -> None:
    delivery_id = new_delivery_id()
    body = body_of(received("STOP", sender=sender))
    assert ingress.post(body, standard(body, delivery_id=delivery_id)).status_code == 200
    assert [bytes(row["raw"]) for row in ingress.rows(delivery_id)] == [body]
    assert stored_as is None or state_of(ingress, stored_as) == "opted_out"


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "http://169.254.169.254/latest", "file:///etc/passwd"])
def test_media_is_kept_as_an_address(ingress: RunningIngress, url: str) -> None:
    document = received()
    document["data"]["resource"]["media"] = [{"url": url, "type": "image/png"}]
    assert ingress.post(body_of(document)).status_code == 200


class TestRepetition:
    def test_the_same_delivery_is_stored_once(self, ingress: RunningIngress) -> None:
        delivery_id, body = new_delivery_id(), body_of(received())
        replies = [ingress.post(body, standard(body, delivery_id=delivery_id)) for _ in range(5)]
        assert [reply.json()["status"] for reply in replies] == ["stored", *["duplicate"] * 4]
        assert len(ingress.rows(delivery_id)) == 1

    def test_the_same_body_under_a_new_id_is_stored_twice(self, ingress: RunningIngress) -> None:
        body = body_of(received())
        before = len(ingress.rows())
        assert [ingress.post(body).json()["status"] for _ in range(2)] == ["stored", "stored"]
        assert len(ingress.rows()) == before + 2

    def test_a_legacy_event_is_stored_once(self, ingress: RunningIngress) -> None:
        body = body_of(received())
        assert [ingress.post(body, legacy(body)).json()["status"] for _ in range(2)] == ["stored", "duplicate"]

    @pytest.mark.parametrize("headers_of", ["standard", "legacy"])
    def test_another_body_is_set_aside_and_its_opt_out_heeded(self, ingress: RunningIngress, headers_of: str) -> None:
        delivery_id, sender = new_delivery_id(), new_person()
        first = received("See you at 3", sender=sender)
        second = received("STOP", sender=sender, id=first["id"])
        before = len(ingress.rows())
        for document in (first, second):
            body = body_of(document)
            headers = standard(body, delivery_id=delivery_id) if headers_of == "standard" else legacy(body)
            assert ingress.post(body, headers).json()["status"] == "stored"
        assert [(row["status"], row["reason"]) for row in ingress.rows()[before:]] == [
            ("new", None),
            ("quarantined", "other_body_under_one_delivery_id"),
        ]
        assert state_of(ingress, sender) == "opted_out"

    def test_a_repeated_opt_out_counts_once(self, ingress: RunningIngress) -> None:
        sender = new_person()
        body = body_of(received("STOP", sender=sender))
        for _ in range(3):
            ingress.post(body)
        assert ingress.query("SELECT count(*) FROM opt_outs WHERE e164 = %(e164)s", e164=sender) == [{"count": 1}]


def test_no_content_is_logged(ingress: RunningIngress) -> None:
    body = body_of(received("canary of a text", sender="+12025559876"))
    ingress.post(body)
    ingress.post(body, standard(body, secrets=(RETIRED,)))
    log = ingress.log.read_text()
    assert not [canary for canary in ("canary", "2025559876", STANDARD, LEGACY) if canary in log]


def state_of(ingress: RunningIngress, e164: str) -> str | None:
    rows = ingress.query("SELECT opted_out_at, paused_at FROM contacts WHERE e164 = %(e164)s", e164=e164)
    for row in rows:
        if row["opted_out_at"] is not None:
            return "opted_out"
        if row["paused_at"] is not None:
            return "paused"
    return None
