"""Messages: found by campaign, number and state, and explained."""

from typing import Annotated, Any

from fastapi import Query, Request

from services.console.cursors import page_of
from services.console.endpoints import Endpoint, PathId, Work
from services.console.shapes import messages as shapes
from services.console.shapes.values import Page
from services.core.domain.access import Role
from services.core.usecases import inspect_verbs
from services.core.usecases.inspect_verbs import MessageView
from services.core.usecases.messages.explain import Explanation
from services.core.usecases.messages.explain import explain_message as explain


def list_messages(work: Work, request: Request, query: Annotated[shapes.MessagesQuery, Query()]) -> dict[str, Any]:
    """Messages, oldest first."""
    chosen = query.model_dump(include={"campaign_id", "status"})
    phone = query.phone or query.e164
    return page_of(
        request,
        query,
        lambda after, limit: inspect_verbs.list_messages(work, **chosen, phone=phone, after=after, limit=limit),
    )


def show_message(work: Work, message_id: PathId) -> MessageView:
    """One message with its text."""
    return inspect_verbs.show_message(work, message_id)


def explain_message(work: Work, message_id: PathId) -> Explanation:
    """Why a message was sent, wasn't, or waits: each decision, attempt and look, and what is still before it."""
    return explain(work, message_id)


ENDPOINTS = (
    Endpoint(
        verb="messages list",
        method="GET",
        path="/messages",
        role=Role.VIEWER,
        handler=list_messages,
        answer=Page[shapes.Message],
    ),
    Endpoint(
        verb="messages show",
        method="GET",
        path="/messages/{message_id:id}",
        role=Role.VIEWER,
        handler=show_message,
        answer=shapes.Message,
    ),
    Endpoint(
        verb="messages why",
        method="GET",
        path="/messages/{message_id:id}/why",
        role=Role.VIEWER,
        handler=explain_message,
        answer=shapes.Explanation,
    ),
)
