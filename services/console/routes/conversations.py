"""Conversations: what people wrote to us, and a person's answer."""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import Query, Request

from services.console.cursors import cursor_to, page_of, position_of
from services.console.endpoints import Caller, ContactKey, Endpoint, InContext
from services.console.shapes import Page, PageQuery
from services.core.domain.access import Role
from services.core.usecases.contacts import conversations
from services.core.views import conversations as views


class Conversation(views.Conversation[str]):
    """What was said, the oldest first; `before` is the cursor of what was said earlier, or null."""


def list_conversations(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """People who wrote, the latest first."""
    return page_of(
        request,
        query,
        lambda before, limit: conversations.list_conversations(context, before=before or None, limit=limit),
    )


def show_conversation(
    context: InContext, request: Request, key: ContactKey, query: Annotated[PageQuery, Query()]
) -> Conversation:
    """What a contact and we wrote to each other, the oldest first."""
    before = position_of(request, query) or None
    shown = conversations.show_conversation(context, key, before=before, limit=query.limit)
    return Conversation.of(shown, before=cursor_to(request, query, shown.before))


def reply_to_conversation(
    context: InContext, request: Request, caller: Caller, key: ContactKey, new: views.NewReply
) -> views.Reply:
    """Answer a person who wrote; the text leaves when the gate allows it, once for each idempotency key."""
    said = request.headers.get("idempotency-key") or uuid4().hex
    idempotency_key = f"{caller.key}:{said}"
    return conversations.reply_to_conversation(context, key, new, idempotency_key=idempotency_key, by=caller.name)


ENDPOINTS = (
    Endpoint(
        verb="conversations list",
        method="GET",
        path="/conversations",
        role=Role.VIEWER,
        handler=list_conversations,
        answer=Page[views.ConversationSummary],
    ),
    Endpoint(
        verb="conversations show",
        method="GET",
        path="/conversations/{key:contact}",
        role=Role.VIEWER,
        handler=show_conversation,
        answer=Conversation,
    ),
    Endpoint(
        verb="conversations reply",
        method="POST",
        path="/conversations/{key:contact}/reply",
        role=Role.OPERATOR,
        handler=reply_to_conversation,
        answer=views.Reply,
        status=201,
    ),
)
