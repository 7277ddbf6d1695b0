"""Held messages: those of which nobody knows whether they reached a person, with the evidence."""

from typing import Annotated, Any

from fastapi import Query, Request

from services.console import shapes
from services.console.cursors import page_of
from services.console.endpoints import Endpoint, Work
from services.console.routes.messages import MessageId
from services.core.domain.access import Role
from services.core.domain.failures import NotFound
from services.core.domain.messages import MessageStatus
from services.core.storage import messages
from services.core.usecases.explain_message import Explanation, explain_message


def list_held(work: Work, request: Request, query: Annotated[shapes.PageQuery, Query()]) -> dict[str, Any]:
    """Messages that wait for a person's decision, oldest first."""
    with work.database.reading() as session:
        return page_of(
            request,
            query,
            lambda after, limit: messages.page(session, status=MessageStatus.HELD, after=after, limit=limit),
        )


def show_held(work: Work, message_id: MessageId) -> Explanation:
    """What is known of a held message: its attempts, and each look into the provider's list."""
    explained = explain_message(work, message_id)
    if explained.status != MessageStatus.HELD:
        raise NotFound("held message", message_id)
    return explained


ENDPOINTS = (
    Endpoint(
        method="GET", path="/held", role=Role.VIEWER, handler=list_held, answer=shapes.Page[shapes.MessageSummary]
    ),
    Endpoint(method="GET", path="/held/{message_id}", role=Role.VIEWER, handler=show_held, answer=shapes.Explanation),
)
