"""The shapes of the provider's webhook bodies: dated (`2026-03-30`) and legacy (`v2`, `v3`, `v4`).

A version that we do not know is read as the newest that we do, or as a legacy one where its facts lie there: what it
still says as before must not be lost over what it says anew.

Sources: the provider's pages on webhook payloads. The dated shape splits the facts over `data.resource` and
`data.context`, the legacy one has all of them in `data.object`; their names do not collide, so one model per thing
reads both. Unknown members are ignored, a missing or wrong one refuses the payload.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    model_validator,
)
from pydantic.alias_generators import to_camel

DATED_VERSIONS = frozenset({"2026-03-30"})
LEGACY_VERSIONS = frozenset({"v2", "v3", "v4"})

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII)


def _read_instant(value: object) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("not an ISO 8601 instant")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value or []


def _outside_workspace(value: object) -> object:
    return value.get("external", []) if isinstance(value, dict) else value


def _numbers(value: object) -> object:
    return [member.get("value") for member in value if isinstance(member, dict)] if isinstance(value, list) else value


Identifier = Annotated[str, Field(min_length=1, max_length=255)]
Instant = Annotated[datetime, PlainValidator(_read_instant)]
Numbers = Annotated[list[str], BeforeValidator(_as_list)]
Media = Annotated[list[dict[str, Any]], BeforeValidator(lambda value: value or [])]
ErrorCode = Annotated[str | None, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


class Payload(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, alias_generator=to_camel)


class Data(Payload):
    resource: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    object: dict[str, Any] | None = None


class Envelope(Payload):
    id: Identifier
    type: Identifier
    api_version: str
    created_at: Instant
    data: Data

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.api_version in DATED_VERSIONS:
            complete = self.data.resource is not None and self.data.context is not None
        elif self.api_version in LEGACY_VERSIONS:
            complete = self.data.object is not None
        else:
            complete = self.data.resource is not None or self.data.object is not None
        if not complete:
            raise ValueError("data incomplete")
        return self

    @property
    def is_version_known(self) -> bool:
        return self.api_version in DATED_VERSIONS | LEGACY_VERSIONS

    @property
    def facts(self) -> dict[str, Any]:
        """Everything said about the thing, whichever shape said it."""
        if self.api_version in LEGACY_VERSIONS or self.data.resource is None:
            return self.data.object or {}
        return {**(self.data.context or {}), **self.data.resource}


class MessageFacts(Payload):
    id: Identifier
    sender: Identifier = Field(validation_alias=AliasChoices("senderIdentifier", "from"))
    recipients: Numbers = Field(default=[], validation_alias=AliasChoices("recipientIdentifiers", "to"))
    direction: str | None = None
    text: str | None = Field(validation_alias=AliasChoices("text", "body"))
    media: Media = []
    error_code: ErrorCode = None
    created_at: Instant | None = None
    conversation_id: str | None = None
    phone_number_id: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.text is None and not self.media:
            raise ValueError("neither text nor media")
        return self


class CallFacts(Payload):
    id: Identifier = Field(validation_alias=AliasChoices("callId", "id"))
    direction: str | None = None
    status: str | None = Field(default=None, validation_alias=AliasChoices("status", "processingStatus"))
    participants: Annotated[list[str], BeforeValidator(_outside_workspace)] = []
    conversation_id: str | None = None
    phone_number_id: str | None = None


class ContactFacts(Payload):
    id: Identifier
    first_name: str | None = None
    last_name: str | None = None
    phone_numbers: Annotated[list[str], BeforeValidator(_numbers)] = []


ENVELOPE = TypeAdapter(Envelope)
MESSAGE = TypeAdapter(MessageFacts)
CALL = TypeAdapter(CallFacts)
CONTACT = TypeAdapter(ContactFacts)
