"""From the bytes of a verified webhook to an event of ours, or to the reason why it is set aside.

Nothing the provider can send makes this raise: what cannot be understood is quarantined with a reason, and the
opt-out in it is still found by `peek_inbound_text`.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

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
from services.core.openphone.documents import DocumentRefused, read_document, storable, unstorable_text
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

_TEXT = re.compile(r'"(?:text|body)"\s*:\s*("(?:[^"\\]|\\.)*+")', re.DOTALL)
_SENDER = re.compile(r'"(?:senderIdentifier|from)"\s*:\s*("(?:[^"\\]|\\.)*+")', re.DOTALL)
_RECEIVED = re.compile(r'"type"\s*:\s*"message\.received"|"direction"\s*:\s*"incoming"')
_OUTGOING = re.compile(r'"direction"\s*:\s*"outgoing"')


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
        if b"\\u" in raw and (reason := unstorable_text(document)):
            return Quarantined(reason)
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

    For the opt-out decision alone, which must be taken even where `translate` quarantines. Where a body says a
    thing twice, both sayings are in the text, so that neither can hide the other.
    """
    body = raw.decode("utf-8-sig", "replace").replace("\0", "")
    if not _RECEIVED.search(body) or _OUTGOING.search(body):
        return None
    senders = [_unquote(found) for found in _SENDER.findall(body)]
    texts = [_unquote(found) for found in _TEXT.findall(body)]
    if not senders or not texts:
        return None
    return senders[0].strip(), "\n".join(dict.fromkeys(texts))


def _event(envelope: Envelope) -> ProviderEvent | Quarantined:
    common: dict[str, Any] = {
        "event_id": envelope.id,
        "occurred_at": envelope.created_at,
        "api_version": envelope.api_version,
        "type": LEGACY_TYPES.get(envelope.type, envelope.type),
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
        return storable(json.loads(quoted, strict=False))
    except ValueError:
        return storable(quoted[1:-1])


def _fault(error: ValidationError) -> str:
    """Where the payload is wrong, in the provider's names and without its values."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(step) for step in first["loc"][:3])
    return f"{first['type']}:{where}"[:100]
