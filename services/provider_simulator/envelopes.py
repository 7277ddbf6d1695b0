"""Bodies of outgoing webhooks: the dated envelope and the legacy one, as compact JSON."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.provider_simulator.clock import stamp
from services.provider_simulator.messages import Direction, Message, Status, conversation_id
from services.provider_simulator.settings import Settings
from services.provider_simulator.signing import Scheme

LegacyTo = Literal["array", "string"]
DATED_VERSION = "2026-03-30"
LEGACY_VERSION = "v4"
SAMPLE_NUMBER = "+12025550143"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a message; every endpoint and every retry gets the same id."""

    type: str
    created_at: datetime
    message: Message
    organization_id: str
    id: str


def event_id() -> str:
    return f"EV{uuid.uuid4().hex}"


def body_of(event: Event, scheme: Scheme, legacy_to: LegacyTo) -> bytes:
    return compact(_dated(event) if scheme is Scheme.STANDARD else _legacy(event, legacy_to))


def sample_body(event_type: str, sample_id: str, at: datetime, resource_id: str, settings: Settings) -> bytes:
    """A dated body of any type; of other things than messages only the fields that all of them share."""
    if event_type.startswith("message."):
        ours, theirs = settings.phone_number, SAMPLE_NUMBER
        is_incoming = event_type == "message.received"
        message = Message(
            id=resource_id,
            number=0,
            direction=Direction.INCOMING if is_incoming else Direction.OUTGOING,
            sender=theirs if is_incoming else ours,
            recipients=(ours if is_incoming else theirs,),
            text="This is a test message.",
            phone_number_id=settings.phone_number_id,
            conversation_id=conversation_id(settings.phone_number_id, (theirs,)),
            user_id=settings.user_id,
            status=Status(event_type.removeprefix("message.")),
            created_at=at,
            updated_at=at,
            listed_from=at,
        )
        event = Event(event_type, at, message, settings.organization_id, sample_id)
        return body_of(event, Scheme.STANDARD, "array")
    resource = {"id": resource_id, "createdAt": stamp(at), "updatedAt": stamp(at)}
    context = {"orgId": settings.organization_id, "userId": settings.user_id}
    data = {"resource": resource, "context": context, "links": {"quo": None}}
    return compact(_envelope(event_type, sample_id, at, Scheme.STANDARD) | {"data": data})


def compact(content: dict[str, object]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _envelope(event_type: str, envelope_id: str, at: datetime, scheme: Scheme) -> dict[str, object]:
    if scheme is Scheme.STANDARD:
        return {"id": envelope_id, "apiVersion": DATED_VERSION, "createdAt": stamp(at), "type": event_type}
    legacy: dict[str, object] = {"id": envelope_id, "object": "event", "apiVersion": LEGACY_VERSION}
    return legacy | {"createdAt": stamp(at), "type": event_type}


def _dated(event: Event) -> dict[str, object]:
    message = event.message
    resource: dict[str, object] = {"id": message.id, "direction": message.direction.value, "text": message.text}
    if event.type != "message.failed":
        resource["media"] = []
    resource["status"] = message.status.value
    if event.type in ("message.failed", "message.undelivered"):
        resource["errorCode"] = message.error_code
    resource["createdAt"] = stamp(message.created_at)
    context = {
        "orgId": event.organization_id,
        "phoneNumberId": message.phone_number_id,
        "conversationId": message.conversation_id,
        "userId": message.user_id,
        "contacts": {"ids": [], "lookupStatus": "none"},
        "senderIdentifier": message.sender,
        "recipientIdentifiers": list(message.recipients),
    }
    data = {"resource": resource, "context": context, "links": {"quo": _link(message)}}
    return _envelope(event.type, event.id, event.created_at, Scheme.STANDARD) | {"data": data}


def _legacy(event: Event, to: LegacyTo) -> dict[str, object]:
    message = event.message
    content: dict[str, object] = {
        "id": message.id,
        "object": "message",
        "from": message.sender,
        "to": message.recipients[0] if to == "string" else list(message.recipients),
        "direction": message.direction.value,
        "text": message.text,
        "status": message.status.value,
        "createdAt": stamp(message.created_at),
        "userId": message.user_id,
        "phoneNumberId": message.phone_number_id,
        "contactIds": [],
    }
    data = {"object": content, "deepLink": _link(message)}
    return _envelope(event.type, event.id, event.created_at, Scheme.LEGACY) | {"data": data}


def _link(message: Message) -> str:
    inbox = f"https://my.quo.com/inbox/{message.phone_number_id}/c/{message.conversation_id}"
    return f"{inbox}?at={message.id}"
