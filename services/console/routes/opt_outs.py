"""Opt-outs: who must not be texted, adding one that came by another way, and lifting one on a person's word."""

from typing import Annotated

from fastapi import Query, Request
from pydantic import Field

from services.console.cursors import page_of
from services.console.dependencies import By, InContext, requires
from services.console.endpoints import api_router, verb
from services.console.shapes import Page, PageQuery
from services.core.domain.access import Role
from services.core.usecases.contacts import opt_out
from services.core.views import opt_outs as views
from services.core.views.contacts import Contact

router = api_router()


class OptOutsQuery(PageQuery):
    in_force: bool = Field(default=True, description="false: those that were lifted, too")


@router.get("/opt-outs", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("opt-outs list"))
def list_opt_outs(context: InContext, request: Request, query: Annotated[OptOutsQuery, Query()]) -> Page[views.OptOut]:
    """Opt-outs with their proof, oldest first."""
    return page_of(
        request,
        query,
        lambda after, limit: opt_out.list_opt_outs(context, after=after, limit=limit, in_force=query.in_force),
    )


@router.post("/opt-outs", status_code=201, dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("opt-outs add"))
def add_opt_out(context: InContext, by: By, new: views.NewOptOut) -> Contact:
    """Text a number no more, from now on; also one that is no contact yet."""
    return opt_out.add_opt_out(context, new, by=by)


@router.post("/opt-outs/lift", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("opt-outs lift"))
def lift_opt_out(context: InContext, by: By, wanted: views.LiftOptOut) -> Contact:
    """Let a number be texted again, because the person asked for it; what was skipped stays so."""
    return opt_out.lift_opt_out(context, wanted, by=by)
