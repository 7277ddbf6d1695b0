"""From the bytes of a verified webhook to an event of ours, or to the reason why it is set aside.

Nothing the provider can send makes this raise: what cannot be understood is quarantined with a reason, and the
opt-out in it is still found by `peek_inbound_text`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from services.core.domain.json_documents import DocumentRefused, storable, unstorable_text
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
from services.core.openphone.documents import read_document
from services.core.openphone.payloads import CALL, CONTACT, ENVELOPE, MESSAGE, Envelope, MessageFacts

AHEAD_AT_MOST = timedelta(days=1)

LEGACY_TYPES = {"callSummary": "call.summary.completed", "callTranscript": "call.transcript.completed"}

CALL_TYPES = frozenset(
    {
        "call.ringing",
        "call.menu.selected",
        "call.answered",
        "call.completed",
        "call.forwarded",
        "call.missed",
        "call.recording.completed",
        "call.summary.completed",
        "call.transcript.completed",
        "call.voicemail.completed",
    }
)

_MEMBER = re.compile(r'"((?:[^"\\]|\\.)*+)"\s*:\s*\[?\s*"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_TEXTS = frozenset({"text", "body", "content", "message"})
_SENDERS = frozenset({"senderIdentifier", "sender", "from", "fromNumber"})
_RECEIVED = re.compile(r"message\.(received|incoming|inbound)\b.*")
_INCOMING = frozenset({"incoming", "inbound"})
_OUTGOING = frozenset({"outgoing", "outbound"})
_DIGITS_OF_A_NUMBER = 7


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Set aside for a person: the signature was right, the content was not. `reason` is a code, never content."""

    reason: str


def translate(raw: bytes, *, at: datetime | None = None) -> ProviderEvent | Quarantined:
    """Read a webhook's body. Never raises.

    With `at`, the product time, an event that claims to be from more than a day ahead is quarantined too.
    """
    try:
        document = read_document(raw)
        if (reason := unstorable_text(raw, document)) is not None:
            return Quarantined(reason.value)
        envelope = ENVELOPE.validate_python(document)
        if at is not None and envelope.created_at > at + AHEAD_AT_MOST:
            return Quarantined("created_in_the_future")
        return _event(envelope)
    except DocumentRefused as refusal:
        return Quarantined(str(refusal))
    except ValidationError as error:
        return Quarantined(_fault(error))


def peek_inbound_text(raw: bytes) -> tuple[str, str] | None:
    """The sender and text of an incoming message, read as forgivingly as possible; None when there is none.

    For the opt-out decision alone, which must be taken even where `translate` quarantines, whatever a later version
    calls its members and wherever it keeps them. Where a body says a thing twice, both sayings are in the text, so that
    neither can hide the other. A body that says neither what it is nor which way it went is taken for incoming.
    """
    said = list(_members(raw))
    directions = {text for name, text in said if name == "direction"}
    types = [text for name, text in said if name == "type" and "." in text]
    is_received = any(map(_RECEIVED.fullmatch, types)) or bool(directions & _INCOMING)
    if directions & _OUTGOING or not (is_received or not (directions or types)):
        return None
    senders = [text.strip() for name, text in said if name in _SENDERS]
    texts = [text for name, text in said if name in _TEXTS]
    if not senders or not texts:
        return None
    numbers = [sender for sender in senders if sum(map(str.isdigit, sender)) >= _DIGITS_OF_A_NUMBER]
    return (numbers or senders)[0], "\n".join(dict.fromkeys(texts))


def api_version_of(raw: bytes) -> str | None:
    """The version that a body names, read as forgivingly."""
    return next((text for name, text in _members(raw) if name == "apiVersion"), None)


def _members(raw: bytes) -> Iterator[tuple[str, str]]:
    """Every text of the body under its member's name; of what is no JSON, whatever looks like a member."""
    body = raw.decode("utf-8-sig", "replace").replace("\0", "")
    try:
        yield from _texts_of("", json.loads(body, strict=False, object_pairs_hook=_Pairs, parse_int=str))
    except (ValueError, RecursionError):
        for name, text in _MEMBER.findall(body):
            yield _unquote(name), _unquote(text)


class _Pairs(tuple[tuple[str, Any], ...]):
    """An object's members, those of one name all kept."""


def _texts_of(name: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield name, storable(value)
        case _Pairs():
            for inner, member in value:
                # Whatever a sender is described by may be its number.
                yield from _texts_of(name if name in _SENDERS and inner not in _TEXTS else inner, member)
        case list():
            for member in value:
                yield from _texts_of(name, member)


def _event(envelope: Envelope) -> ProviderEvent | Quarantined:
    common: dict[str, Any] = {
        "event_id": envelope.id,
        "occurred_at": envelope.created_at,
        "api_version": envelope.api_version,
        "type": LEGACY_TYPES.get(envelope.type, envelope.type),
        "is_version_known": envelope.is_version_known,
    }
    match common["type"]:
        case "message.received":
            return _message(MessageReceived, envelope, common, direction="incoming")
        case "message.delivered":
            return _message(MessageDelivered, envelope, common, direction="outgoing")
        case "message.undelivered":
            return _message(MessageUndelivered, envelope, common, direction="outgoing")
        case "message.failed":
            return _message(MessageFailed, envelope, common, direction="outgoing")
        case "contact.updated" | "contact.deleted":
            return _contact(envelope, common)
        case kind if kind in CALL_TYPES:
            return _call(envelope, common)
        case _:
            return UnknownEvent(**common)


def _message(
    kind: type[MessageReceived | MessageDelivered | MessageUndelivered | MessageFailed],
    envelope: Envelope,
    common: dict[str, Any],
    *,
    direction: str,
) -> ProviderEvent | Quarantined:
    facts = MESSAGE.validate_python(envelope.facts)
    if facts.direction not in (None, direction):
        return Quarantined("direction_contradicts_type")
    if kind in (MessageUndelivered, MessageFailed):
        common = common | {"error_code": facts.error_code}
    return kind(**common, **_message_fields(facts, envelope))


def _message_fields(facts: MessageFacts, envelope: Envelope) -> dict[str, Any]:
    urls = tuple(url for item in facts.media if isinstance(url := item.get("url"), str))
    return {
        "message_id": facts.id,
        "sender": facts.sender,
        "recipients": tuple(facts.recipients),
        "text": facts.text,
        "media_count": len(facts.media),
        "media_urls": urls,
        "conversation_id": facts.conversation_id,
        "phone_number_id": facts.phone_number_id,
        "sent_at": facts.created_at or envelope.created_at,
    }


def _call(envelope: Envelope, common: dict[str, Any]) -> CallEvent:
    facts = CALL.validate_python(envelope.facts)
    return CallEvent(
        **common,
        call_id=facts.id,
        direction=facts.direction,
        status=facts.status,
        participants=tuple(facts.participants),
        conversation_id=facts.conversation_id,
        phone_number_id=facts.phone_number_id,
    )


def _contact(envelope: Envelope, common: dict[str, Any]) -> ContactEvent:
    facts = CONTACT.validate_python(envelope.facts)
    return ContactEvent(
        **common,
        contact_id=facts.id,
        first_name=facts.first_name,
        last_name=facts.last_name,
        phone_numbers=tuple(facts.phone_numbers),
    )


def _unquote(quoted: str) -> str:
    try:
        return storable(json.loads(f'"{quoted}"', strict=False))
    except ValueError:
        return storable(quoted)


def _fault(error: ValidationError) -> str:
    """Where the payload is wrong, in the provider's names and without its values."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(step) for step in first["loc"][:3])
    return f"{first['type']}:{where}"[:100]
