"""What the API alone has: queries, pages by cursor, problems."""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from services.core.views.values import View, example

Item = TypeVar("Item")


class StrictQuery(BaseModel):
    """A query, in which everything is text; no parameter that we don't know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(View):
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


class PageQuery(StrictQuery):
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{32}$", description="`next` of the page before")


class ListQuery(PageQuery):
    newest_first: bool = Field(default=False, description="true: the latest first")


class Page(View, Generic[Item]):
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
