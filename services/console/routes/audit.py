"""The record of who did what, when and from where."""

from typing import Annotated, Any

from fastapi import Query, Request

from services.console.cursors import page_of
from services.console.endpoints import Endpoint, Work
from services.console.shapes import audit as shapes
from services.console.shapes.values import Page
from services.core.domain.access import Role
from services.core.usecases.operations import audit as audit_verbs


def list_audit(work: Work, request: Request, query: Annotated[shapes.AuditQuery, Query()]) -> dict[str, Any]:
    """Acts, newest first: of somebody, of a kind, about a thing, within a time."""
    chosen = query.model_dump(exclude={"cursor", "limit"})
    return page_of(
        request,
        query,
        lambda before, limit: audit_verbs.list_audit(work, **chosen, before=before or None, limit=limit),
    )


ENDPOINTS = (
    Endpoint(
        verb="audit list",
        method="GET",
        path="/audit",
        role=Role.ADMIN,
        handler=list_audit,
        answer=Page[shapes.AuditEntry],
    ),
)
