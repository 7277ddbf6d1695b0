"""Messages as the provider stores them, and how its lists find them."""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from services.provider_simulator.clock import stamp
from services.provider_simulator.journal import Journal


class Status(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    RECEIVED = "received"


class Direction(StrEnum):
    INCOMING = "incoming"
    OUTGOING = "outgoing"


class StepKind(StrEnum):
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    REPLY = "reply"


class Step(BaseModel):
    """What happens next to a message, at a Unix time of real time."""

    due: float
    kind: StepKind
    error_code: str | None = None
    text: str = ""


class Message(BaseModel):
    """Times are product time; `listed_from` is when lists begin to show it."""

    id: str
    number: int
    direction: Direction
    sender: str
    recipients: tuple[str, ...]
    text: str
    phone_number_id: str
    conversation_id: str
    user_id: str
    status: Status
    error_code: str | None = None
    created_at: datetime
    updated_at: datetime
    listed_from: datetime
    steps: list[Step] = []

    @property
    def participants(self) -> tuple[str, ...]:
        """The people on the other side."""
        return self.recipients if self.direction is Direction.OUTGOING else (self.sender,)

    def view(self) -> dict[str, object]:
        """As the first surface shows it."""
        return {
            "id": self.id,
            "to": list(self.recipients),
            "from": self.sender,
            "text": self.text,
            "phoneNumberId": self.phone_number_id,
            "conversationId": self.conversation_id,
            "direction": self.direction.value,
            "userId": self.user_id,
            "status": self.status.value,
            "createdAt": stamp(self.created_at),
            "updatedAt": stamp(self.updated_at),
        }

    def dated_view(self) -> dict[str, object]:
        return self.view() | {"media": []}


class Messages:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._by_id: dict[str, Message] = {}
        self._by_participant: defaultdict[str, list[Message]] = defaultdict(list)
        for value in journal.found.get("message", {}).values():
            self._index(Message.model_validate(value))

    def add(self, message: Message) -> None:
        self._index(message)
        self.save(message)

    def save(self, message: Message) -> None:
        self._journal.put("message", message.id, message)

    def get(self, message_id: str) -> Message | None:
        return self._by_id.get(message_id)

    def next_number(self) -> int:
        return len(self._by_id) + 1

    def newest_first(self, participant: str | None = None) -> Iterator[Message]:
        """All of them, or those with this person."""
        return reversed(self._by_participant.get(participant, []) if participant else list(self._by_id.values()))

    def oldest_first(self) -> Iterator[Message]:
        return iter(list(self._by_id.values()))

    def reset(self) -> None:
        self._by_id.clear()
        self._by_participant.clear()
        self._journal.forget("message")

    def _index(self, message: Message) -> None:
        self._by_id[message.id] = message
        for participant in set(message.participants):
            self._by_participant[participant].append(message)


def page(
    found: Iterable[Message], *, limit: int, before: int | None, is_shown: Callable[[Message], bool]
) -> tuple[list[Message], int | None]:
    """At most `limit` shown messages older than the cursor `before`, and the cursor of the next page."""
    shown: list[Message] = []
    for message in found:
        if (before is not None and message.number >= before) or not is_shown(message):
            continue
        if len(shown) == limit:
            return shown, shown[-1].number
        shown.append(message)
    return shown, None


def message_id() -> str:
    return f"AC{uuid.uuid4().hex}"


def conversation_id(phone_number_id: str, participants: Iterable[str]) -> str:
    """The same people on the same number share one conversation."""
    digest = hashlib.sha256("\n".join([phone_number_id, *sorted(set(participants))]).encode())
    return f"CN{digest.hexdigest()[:32]}"
