"""What all views are made of: `Input` is what a verb takes, `View` what it returns.

Nothing unknown is taken; what is returned only grows; each has an example.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    computed_field,
)

from services.core.domain.failures import RefusedInput

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
LARGEST_ID = 2**63 - 1
POINTER_AT_MOST = 100
EXAMPLE_AT = "2026-03-02T13:00:00-05:00"

Item = TypeVar("Item")


def text_only(value: object) -> object:
    """Times and durations are written as texts, never as numbers; from our own code they come as they are."""
    if not isinstance(value, str | datetime | timedelta):
        raise ValueError("a text in ISO 8601, please")
    return value


def _of_our_time(at: datetime) -> datetime:
    if not EARLIEST <= at <= LATEST:
        raise ValueError("a time between the years 2000 and 2100, please")
    return at


def _of_a_day(duration: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= duration <= timedelta(days=1):
        raise ValueError("a duration from PT1S to P1D, please")
    return duration


Instant = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(text_only), AfterValidator(_of_our_time)]
Duration = Annotated[timedelta, Field(strict=False), BeforeValidator(text_only), AfterValidator(_of_a_day)]
Span = Annotated[
    timedelta,
    WithJsonSchema({"type": "string", "description": "A duration in ISO 8601; its seconds may have a fraction."}),
]
Short = Annotated[str, Field(min_length=1, max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]
Phone = Annotated[str, Field(min_length=1, max_length=64, examples=["(202) 555-0143"])]
PHONE_NAMES = AliasChoices("phone", "number")
"""A number in any form is given as `phone`; `number` is its older name."""
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]


RowId = Annotated[int, Field(validation_alias="id")]
"""The id of the row that a view is read from."""


def example(value: dict[str, Any]) -> ConfigDict:
    """The configuration of a shape that shows `value` in the document."""
    return ConfigDict(json_schema_extra={"example": value})


class Input(BaseModel):
    """What a verb takes: each type as it is written, and no field that we don't know."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    @classmethod
    def read(cls, **values: Any) -> Self:
        """From Python's values. Raises `RefusedInput` that names the field, never its value."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = ".".join(map(str, first["loc"])) or "input"
            detail = f"{name}: {first['msg'].removeprefix('Value error, ')}"
            raise RefusedInput("body_invalid", detail, pointer=pointer_to(first["loc"])) from None


class _Known:
    """What has the attributes of `source`, and over them those that are known."""

    def __init__(self, source: object, known: Mapping[str, Any]) -> None:
        self._source = source
        self._known = known

    def __getattr__(self, name: str) -> Any:
        return self._known[name] if name in self._known else getattr(self._source, name)


class View(BaseModel):
    """What a verb returns, read from a row or made of its parts."""

    model_config = ConfigDict(from_attributes=True, frozen=True, populate_by_name=True)

    @classmethod
    def of(cls, source: object, **known: Any) -> Self:
        """Read from the attributes of `source`, a row say; `known` are fields that it has not, or has otherwise."""
        return cls.model_validate(_Known(source, known))


class Page(View, Generic[Item]):
    """Some items of a list; `next` is where the following page begins, `None` on the last one."""

    items: list[Item]
    next: int | None


class OfPerson(View):
    """An answer about somebody who has a number."""

    e164: str = Field(description="The older name of `phone`.", json_schema_extra={"deprecated": True})

    @computed_field(description="The person's number in E.164.")
    def phone(self) -> str:
        return self.e164


def page_of(rows: Sequence[Any], limit: int, view: Callable[[Any], Item], *, position: str = "id") -> Page[Item]:
    """The first `limit` of the rows, which were read with one more to see whether there is a next page.

    `position` is the rows' attribute that they are ordered by; dots lead to one of a row's part.
    """
    shown = rows[:limit]
    items = [view(row) for row in shown]
    return Page[Any](items=items, next=attrgetter(position)(shown[-1]) if len(rows) > limit else None)


def pointer_to(path: Sequence[int | str]) -> str:
    """The JSON pointer (RFC 6901) of a field, cut to `POINTER_AT_MOST` characters."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)[:POINTER_AT_MOST]
