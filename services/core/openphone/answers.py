"""The shapes of the provider's REST answers, and the reading of its three kinds of error body.

A shape that is not as documented is unreadable, never guessed: on doubt a send is unknown and a list no evidence.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TypeVar

from httpx import Headers
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, TypeAdapter, ValidationError

from services.core.domain.json_documents import DocumentRefused, storable
from services.core.domain.messages import Direction, Receipt
from services.core.domain.reconciliation import ListedMessage
from services.core.openphone.documents import read_document
from services.core.openphone.payloads import ErrorCode, Identifier, Instant, Numbers, Payload

RECEIPTS = {
    "sent": Receipt.SENT,
    "delivered": Receipt.DELIVERED,
    "read": Receipt.DELIVERED,
    "undelivered": Receipt.UNDELIVERED,
    "failed": Receipt.FAILED,
}
"""What the provider's open set of statuses says about delivery; any other status says nothing."""

LONGEST_RETRY_AFTER = timedelta(minutes=5)
_RESET = re.compile(r"\bt=(\d{1,9})\b", re.ASCII)

Number = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]
Text = Annotated[str, AfterValidator(storable)]
Model = TypeVar("Model", bound=Payload)


def _direction(value: str) -> Direction:
    """An enum's class itself has no signature that a validator could read on every Python."""
    return Direction(value)


class AnswerUnreadable(Exception):
    """The answer is not of the documented shape."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as bytes; nothing is decoded that was not asked for."""

    status: int
    headers: Headers
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error answer says of itself; nothing of it is needed."""

    is_present: bool
    code: str | None
    trace: str | None
    retry_after: timedelta | None


class SentMessage(Payload):
    id: Identifier
    status: str
    recipients: Numbers | None = Field(default=None, validation_alias="to")
    conversation_id: str | None = None


class MessageAnswer(Payload):
    id: Identifier
    sender: str = Field(validation_alias=AliasChoices("from", "senderIdentifier"))
    recipients: Numbers = Field(validation_alias=AliasChoices("to", "recipientIdentifiers"))
    direction: Annotated[Direction, BeforeValidator(_direction)]
    text: Text | None = None
    status: str
    error_code: ErrorCode = None
    created_at: Instant
    conversation_id: str | None = None
    phone_number_id: str | None = None

    def listed(self) -> ListedMessage:
        return ListedMessage(
            message_id=self.id,
            direction=self.direction,
            sender=self.sender,
            recipients=tuple(self.recipients),
            text=self.text or "",
            status=self.status,
            receipt=RECEIPTS.get(self.status),
            error_code=self.error_code,
            created_at=self.created_at,
            conversation_id=self.conversation_id,
            phone_number_id=self.phone_number_id,
        )


class Organization(Payload):
    id: Identifier
    name: str | None = None
    subscription_status: str | None = None


class Messaging(Payload):
    us: str | None = Field(default=None, validation_alias="US")


class Restrictions(Payload):
    messaging: Messaging | None = None


class AccountNumber(Payload):
    """A number of the workspace; `may_text_us` is None where the provider does not say."""

    id: Identifier
    number: str = Field(validation_alias=AliasChoices("phoneNumber", "number"))
    restrictions: Restrictions | None = None

    @property
    def may_text_us(self) -> bool | None:
        if self.restrictions is None or self.restrictions.messaging is None or self.restrictions.messaging.us is None:
            return None
        return self.restrictions.messaging.us == "unrestricted"


@dataclass(frozen=True, slots=True)
class Account:
    """The workspace that the API key opens."""

    organization_id: str
    name: str | None
    is_active: bool
    numbers: tuple[AccountNumber, ...]


class Webhook(Payload):
    """A subscription; `key` is the signing secret, told at creation only."""

    id: Annotated[Number, Field(min_length=1, max_length=255)]
    url: str
    events: list[str] = Field(default_factory=list)
    status: str | None = None
    api_version: str | None = None
    label: str | None = None
    key: str | None = Field(default=None, repr=False)

    @property
    def is_enabled(self) -> bool:
        return self.status in (None, "enabled")


class RotatedKey(Payload):
    key: str = Field(min_length=1, repr=False)


class Delivery(Payload):
    """One line of a webhook's delivery log: `status` is success, pending, sending or failed."""

    id: Identifier
    event_id: str | None = None
    resource_id: str | None = None
    event_type: str
    status: str
    next_attempt_at: Instant | None = None
    created_at: Instant


class Page(Payload):
    data: list[dict[str, Any]]
    next_cursor: str | None = None


def read_answer(document: object, model: type[Model]) -> Model:
    """The document as this model. Raises `AnswerUnreadable`."""
    try:
        return TypeAdapter(model).validate_python(document)
    except ValidationError as error:
        raise AnswerUnreadable(model.__name__) from error


def read_body(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer. Raises `AnswerUnreadable`."""
    try:
        return read_document(answer.body)
    except DocumentRefused as refusal:
        raise AnswerUnreadable(str(refusal)) from refusal


def read_error(answer: Answer, *, at: datetime) -> ErrorBody:
    """What can be learnt from an error answer; `at` is real time, for a wait that is given as a date."""
    try:
        document = read_document(answer.body)
    except DocumentRefused:
        document = {}
    nested = document.get("error")
    body = nested if isinstance(nested, dict) else document
    return ErrorBody(
        is_present=any(isinstance(body.get(name), str) for name in ("message", "title", "key", "code")),
        code=_word(body.get("code")),
        trace=_word(body.get("trace")) or _word(answer.headers.get("x-correlation-id")),
        retry_after=_retry_after(answer.headers, at),
    )


def _word(value: object) -> str | None:
    return storable(value)[:100] or None if isinstance(value, str) else None


def _retry_after(headers: Headers, at: datetime) -> timedelta | None:
    """The wait asked for, if it is one: not negative, and never longer than five minutes."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return min(timedelta(seconds=int(text[:9])), LONGEST_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(text)
        wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - at
    except (ValueError, OverflowError):
        reset = _RESET.search(headers.get("ratelimit", ""))
        return min(timedelta(seconds=int(reset[1])), LONGEST_RETRY_AFTER) if reset else None
    return min(wait, LONGEST_RETRY_AFTER) if wait >= timedelta(0) else None
