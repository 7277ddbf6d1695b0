"""What the provider tells us, in our words: the events that the rest of the system sees.

`effect_key` names the effect an event has. Two events with one key, from two webhooks or from a replay, take effect
once: the provider's event ids do not help there, since its test events share one and its two schemes share none.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from services.core.domain.messages import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEnvelope:
    """What every event carries; `occurred_at` is when it happened by the provider's clock.

    One whose version isn't known was read as the newest that is.
    """

    event_id: str
    occurred_at: datetime
    api_version: str
    type: str
    is_version_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent(EventEnvelope):
    """An event about one text; `sent_at` is the text's own time, by which opt-outs and opt-ins are ordered."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    text: str | None
    sent_at: datetime
    media_count: int = 0
    media_urls: tuple[str, ...] = ()
    conversation_id: str | None = None
    phone_number_id: str | None = None

    @property
    def effect_key(self) -> str:
        return f"{self.type}:{self.message_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived(MessageEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDelivered(MessageEvent):
    receipt: ClassVar[Receipt] = Receipt.DELIVERED


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageNotDelivered(MessageEvent):
    """A text may fail again after the provider's own retry, so the time belongs to the effect."""

    error_code: str | None

    @property
    def effect_key(self) -> str:
        return f"{self.type}:{self.message_id}:{self.occurred_at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageUndelivered(MessageNotDelivered):
    """The carrier could not or would not deliver; final."""

    receipt: ClassVar[Receipt] = Receipt.UNDELIVERED


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFailed(MessageNotDelivered):
    """The provider did not send; without an error code its own retry call may be used."""

    receipt: ClassVar[Receipt] = Receipt.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent(EventEnvelope):
    """A step of a call; `participants` are the people outside the workspace where the provider tells them apart."""

    call_id: str
    direction: str | None = None
    status: str | None = None
    participants: tuple[str, ...] = ()
    conversation_id: str | None = None
    phone_number_id: str | None = None

    @property
    def effect_key(self) -> str:
        return f"{self.type}:{self.call_id}:{self.occurred_at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEvent(EventEnvelope):
    """A person changed in the provider's address book; creation is told as an update."""

    contact_id: str
    first_name: str | None = None
    last_name: str | None = None
    phone_numbers: tuple[str, ...] = ()

    @property
    def effect_key(self) -> str:
        return f"{self.type}:{self.contact_id}:{self.occurred_at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(EventEnvelope):
    """An event of a type we do not use: stored and ignored."""

    @property
    def effect_key(self) -> str:
        return f"{self.type}:{self.event_id}:{self.occurred_at.isoformat()}"


ReceiptEvent = MessageDelivered | MessageUndelivered | MessageFailed
ProviderEvent = MessageReceived | ReceiptEvent | CallEvent | ContactEvent | UnknownEvent
