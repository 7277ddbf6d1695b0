"""Conversations: what people wrote to us, and a person's answer."""

from typing import Annotated
from uuid import uuid4

from fastapi import Query, Request

from services.console.cursors import cursor_to, page_of, position_of
from services.console.dependencies import Caller, InContext, requires
from services.console.endpoints import ContactKey, api_router, verb
from services.console.shapes import Page, PageQuery
from services.core.domain.access import Role
from services.core.usecases.contacts import conversations
from services.core.views import conversations as views

router = api_router()


class Conversation(views.Conversation[str]):
    """What was said, the oldest first; `before` is the cursor of what was said earlier, or null."""


@router.get("/conversations", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("conversations list"))
def list_conversations(
    context: InContext, request: Request, query: Annotated[PageQuery, Query()]
) -> Page[views.ConversationSummary]:
    """People who wrote, the latest first."""
    return page_of(
        request,
        query,
        lambda before, limit: conversations.list_conversations(context, before=before or None, limit=limit),
    )


@router.get(
    "/conversations/{key:contact}", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("conversations show")
)
def show_conversation(
    context: InContext, request: Request, key: ContactKey, query: Annotated[PageQuery, Query()]
) -> Conversation:
    """What a contact and we wrote to each other, the oldest first."""
    before = position_of(request, query) or None
    shown = conversations.show_conversation(context, key, before=before, limit=query.limit)
    return Conversation.of(shown, before=cursor_to(request, query, shown.before))


@router.post(
    "/conversations/{key:contact}/reply",
    status_code=201,
    dependencies=[requires(Role.OPERATOR)],
    openapi_extra=verb("conversations reply"),
)
def reply_to_conversation(
    context: InContext, request: Request, caller: Caller, key: ContactKey, new: views.NewReply
) -> views.Reply:
    """Answer a person who wrote; the text leaves when the gate allows it, once for each idempotency key."""
    said = request.headers.get("idempotency-key") or uuid4().hex
    idempotency_key = f"{caller.key}:{said}"
    return conversations.reply_to_conversation(context, key, new, idempotency_key=idempotency_key, by=caller.name)
