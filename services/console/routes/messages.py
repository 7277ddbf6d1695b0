"""Messages: found by campaign, number and state, and explained."""

from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import Field

from services.console.cursors import page_of
from services.console.endpoints import Endpoint, InContext, PathId
from services.console.shapes import Page, PageQuery
from services.core.domain.access import Role
from services.core.domain.messages import MessageStatus
from services.core.usecases.messages import explain, find
from services.core.views import messages as views
from services.core.views.values import Id


class MessagesQuery(PageQuery):
    campaign_id: Id | None = None
    status: MessageStatus | None = None
    phone: str | None = Field(
        default=None, max_length=64, description="With one person: a number in any form; `e164` is its older name."
    )
    e164: str | None = Field(default=None, pattern=r"^\+[1-9][0-9]{1,14}$", json_schema_extra={"deprecated": True})


def list_messages(context: InContext, request: Request, query: Annotated[MessagesQuery, Query()]) -> dict[str, Any]:
    """Messages, oldest first."""
    chosen = query.model_dump(include={"campaign_id", "status"})
    phone = query.phone or query.e164
    return page_of(
        request,
        query,
        lambda after, limit: find.list_messages(context, **chosen, phone=phone, after=after, limit=limit),
    )


def show_message(context: InContext, message_id: PathId) -> views.Message:
    """One message with its text."""
    return find.show_message(context, message_id)


def explain_message(context: InContext, message_id: PathId) -> views.Explanation:
    """Why a message was sent, wasn't, or waits: each decision, attempt and look, and what is still before it."""
    return explain.explain_message(context, message_id)


ENDPOINTS = (
    Endpoint(
        verb="messages list",
        method="GET",
        path="/messages",
        role=Role.VIEWER,
        handler=list_messages,
        answer=Page[views.Message],
    ),
    Endpoint(
        verb="messages show",
        method="GET",
        path="/messages/{message_id:id}",
        role=Role.VIEWER,
        handler=show_message,
        answer=views.Message,
    ),
    Endpoint(
        verb="messages why",
        method="GET",
        path="/messages/{message_id:id}/why",
        role=Role.VIEWER,
        handler=explain_message,
        answer=views.Explanation,
    ),
)
