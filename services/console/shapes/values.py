"""What all shapes are made of. Nothing unknown is taken; answers only grow; each shape has an example."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    computed_field,
)

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
LARGEST_ID = 2**63 - 1
EXAMPLE_AT = "2026-03-02T13:00:00-05:00"

Item = TypeVar("Item")


def text_only(value: object) -> object:
    """Times and durations are written as texts, never as numbers."""
    if not isinstance(value, str):
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


def example(value: dict[str, Any]) -> ConfigDict:
    """The configuration of a shape that shows `value` in the document."""
    return ConfigDict(json_schema_extra={"example": value})


class Taken(BaseModel):
    """A body: each type as it is written, and no field that we don't know."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Asked(BaseModel):
    """A query, in which everything is text; no parameter that we don't know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answered(BaseModel):
    """An answer, read from a view or a row."""

    model_config = ConfigDict(from_attributes=True)


class OfPerson(Answered):
    """An answer about somebody who has a number."""

    e164: str = Field(description="The older name of `phone`.", json_schema_extra={"deprecated": True})

    @computed_field(description="The person's number in E.164.")
    def phone(self) -> str:
        return self.e164


class Problem(Answered):
    """An error; `code` is stable, `pointer` names the field, `detail` says the remedy."""

    model_config = example(
        {
            "type": "about:blank",
            "title": "Unprocessable Entity",
            "status": 422,
            "code": "body_invalid",
            "detail": "Input should be greater than or equal to 1",
            "pointer": "/daily_cap",
            "request_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        }
    )

    type: str
    title: str
    status: int
    code: str
    detail: str
    pointer: str
    request_id: str


class PageQuery(Asked):
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{32}$", description="`next` of the page before")


class Page(Answered, Generic[Item]):
    """Some items of a list; `next` is the cursor of the following page, or null on the last one."""

    items: list[Item]
    next: str | None


def example_of(shape: Any) -> Any:
    """The example of a shape, or of a page of it. Raises `KeyError` for a shape without one."""
    if issubclass(shape, Page):
        (item,) = shape.__pydantic_generic_metadata__["args"]
        return {"items": [example_of(item)], "next": None}
    shown: Any = shape.model_config["json_schema_extra"]
    return shown["example"]
