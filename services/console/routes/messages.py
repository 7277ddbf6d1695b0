"""Messages: found by campaign, number and state, and explained."""

from typing import Annotated

from fastapi import Query, Request
from pydantic import Field

from services.console.cursors import page_of
from services.console.dependencies import InContext, requires
from services.console.endpoints import PathId, api_router, verb
from services.console.shapes import Page, PageQuery
from services.core.domain.access import Role
from services.core.domain.messages import MessageStatus
from services.core.usecases.messages import explain, find
from services.core.views import messages as views
from services.core.views.values import Id

router = api_router()


class MessagesQuery(PageQuery):
    campaign_id: Id | None = None
    status: MessageStatus | None = None
    phone: str | None = Field(
        default=None, max_length=64, description="With one person: a number in any form; `e164` is its older name."
    )
    e164: str | None = Field(default=None, pattern=r"^\+[1-9][0-9]{1,14}$", json_schema_extra={"deprecated": True})


@router.get("/messages", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("messages list"))
def list_messages(
    context: InContext, request: Request, query: Annotated[MessagesQuery, Query()]
) -> Page[views.Message]:
    """Messages, oldest first."""
    chosen = query.model_dump(include={"campaign_id", "status"})
    phone = query.phone or query.e164
    return page_of(
        request,
        query,
        lambda after, limit: find.list_messages(context, **chosen, phone=phone, after=after, limit=limit),
    )


@router.get("/messages/{message_id:id}", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("messages show"))
def show_message(context: InContext, message_id: PathId) -> views.Message:
    """One message with its text."""
    return find.show_message(context, message_id)


@router.get("/messages/{message_id:id}/why", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("messages why"))
def explain_message(context: InContext, message_id: PathId) -> views.Explanation:
    """Why a message was sent, wasn't, or waits: each decision, attempt and look, and what is still before it."""
    return explain.explain_message(context, message_id)
