"""Messages: found by campaign, number and state, and explained."""

from typing import Annotated, Any

from fastapi import Path, Query, Request

from services.console import shapes
from services.console.cursors import page_of
from services.console.endpoints import Endpoint, Work
from services.core.domain.access import Role
from services.core.domain.failures import NotFound
from services.core.storage import messages
from services.core.storage.models import Message
from services.core.usecases.explain_message import Explanation
from services.core.usecases.explain_message import explain_message as explain

MessageId = Annotated[int, Path(ge=1, le=shapes.LARGEST_ID)]


def list_messages(work: Work, request: Request, query: Annotated[shapes.MessagesQuery, Query()]) -> dict[str, Any]:
    """Messages, oldest first, without their texts."""
    chosen = query.model_dump(include={"campaign_id", "status", "e164"})
    with work.database.reading() as session:
        return page_of(request, query, lambda after, limit: messages.page(session, **chosen, after=after, limit=limit))


def show_message(work: Work, message_id: MessageId) -> Message:
    """One message with its text."""
    with work.database.reading() as session:
        message = messages.find(session, message_id)
    if message is None:
        raise NotFound("message", message_id)
    return message


def explain_message(work: Work, message_id: MessageId) -> Explanation:
    """Why a message was sent, wasn't, or waits: each decision, attempt and look, in order."""
    return explain(work, message_id)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/messages",
        role=Role.VIEWER,
        handler=list_messages,
        answer=shapes.Page[shapes.MessageSummary],
    ),
    Endpoint(
        method="GET", path="/messages/{message_id}", role=Role.VIEWER, handler=show_message, answer=shapes.Message
    ),
    Endpoint(
        method="GET",
        path="/messages/{message_id}/why",
        role=Role.VIEWER,
        handler=explain_message,
        answer=shapes.Explanation,
    ),
)
