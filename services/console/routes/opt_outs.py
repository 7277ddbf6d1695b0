"""Opt-outs: who must not be texted, adding one that came by another way, and lifting one on a person's word."""

from typing import Annotated, Any

from fastapi import Query, Request

from services.console.cursors import page_of
from services.console.endpoints import By, Endpoint, Work
from services.console.shapes import opt_outs as shapes
from services.console.shapes.contacts import Contact
from services.console.shapes.values import Page
from services.core.domain.access import Role
from services.core.usecases import inspect_verbs
from services.core.usecases.contacts import contact_verbs
from services.core.usecases.inspect_verbs import ContactView


def list_opt_outs(work: Work, request: Request, query: Annotated[shapes.OptOutsQuery, Query()]) -> dict[str, Any]:
    """Opt-outs with their proof, oldest first."""
    return page_of(
        request,
        query,
        lambda after, limit: inspect_verbs.list_opt_outs(work, after=after, limit=limit, in_force=query.in_force),
    )


def add_opt_out(work: Work, by: By, new: shapes.NewOptOut) -> ContactView:
    """Text a number no more, from now on; also one that is no contact yet."""
    return contact_verbs.add_opt_out(work, new.phone, evidence=new.evidence, by=by)


def lift_opt_out(work: Work, by: By, wanted: shapes.LiftOptOut) -> ContactView:
    """Let a number be texted again, because the person asked for it; what was skipped stays so."""
    return contact_verbs.lift_opt_out(work, wanted.phone, evidence=wanted.evidence, by=by)


ENDPOINTS = (
    Endpoint(
        verb="opt-outs list",
        method="GET",
        path="/opt-outs",
        role=Role.VIEWER,
        handler=list_opt_outs,
        answer=Page[shapes.OptOut],
    ),
    Endpoint(
        verb="opt-outs add",
        method="POST",
        path="/opt-outs",
        role=Role.OPERATOR,
        handler=add_opt_out,
        answer=Contact,
        status=201,
    ),
    Endpoint(
        verb="opt-outs lift",
        method="POST",
        path="/opt-outs/lift",
        role=Role.ADMIN,
        handler=lift_opt_out,
        answer=Contact,
    ),
)
