"""The record of who did what, when and from where."""

from typing import Annotated

from fastapi import Query, Request
from pydantic import Field

from services.console.cursors import page_of
from services.console.dependencies import InContext, requires
from services.console.endpoints import api_router, verb
from services.console.shapes import Page, PageQuery
from services.core.domain.access import Role
from services.core.usecases.operations import audit as audit_verbs
from services.core.views import audit as views
from services.core.views.values import Id, Instant, Short

router = api_router()


class AuditQuery(PageQuery):
    actor: Short | None = None
    act: Short | None = Field(default=None, examples=["message.released"])
    subject: Short | None = Field(default=None, examples=["message"])
    subject_id: Id | None = None
    since: Instant | None = Field(default=None, description="From this instant of product time on")
    until: Instant | None = Field(default=None, description="Before this instant of product time")


@router.get("/audit", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("audit list"))
def list_audit(context: InContext, request: Request, query: Annotated[AuditQuery, Query()]) -> Page[views.AuditEntry]:
    """Acts, newest first: of somebody, of a kind, about a thing, within a time."""
    chosen = query.model_dump(exclude={"cursor", "limit"})
    return page_of(
        request,
        query,
        lambda before, limit: audit_verbs.list_audit(context, **chosen, before=before or None, limit=limit),
    )
