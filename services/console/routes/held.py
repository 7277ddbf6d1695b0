"""Held messages: those of which nobody knows whether they reached a person, with the evidence."""

from typing import Annotated, Any

from fastapi import Query, Request

from services.console import shapes
from services.console.cursors import page_of
from services.console.endpoints import Endpoint, PathId, Work
from services.core.domain.access import Role
from services.core.usecases import held_verbs
from services.core.usecases.held_verbs import HeldView


def list_held(work: Work, request: Request, query: Annotated[shapes.PageQuery, Query()]) -> dict[str, Any]:
    """Messages that wait for a person's decision, oldest first, each with its evidence."""
    return page_of(request, query, lambda after, limit: held_verbs.list_held(work, after=after, limit=limit))


def show_held(work: Work, message_id: PathId) -> HeldView:
    """What is known of a held message: its attempts, and each look into the provider's list."""
    return held_verbs.show_held(work, message_id)


ENDPOINTS = (
    Endpoint(method="GET", path="/held", role=Role.VIEWER, handler=list_held, answer=shapes.Page[shapes.Held]),
    Endpoint(method="GET", path="/held/{message_id}", role=Role.VIEWER, handler=show_held, answer=shapes.Held),
)
