"""Held messages: those of which nobody knows whether they reached a person, with the evidence; a person decides."""

from typing import Annotated

from fastapi import Query, Request, Response

from services.console.cursors import page_of
from services.console.dependencies import AtProvider, By, InContext, Second, requires
from services.console.endpoints import PathId, api_router, verb
from services.console.shapes import Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.usecases.messages.held import bind, cancel, find, release
from services.core.views import held as views

router = api_router()


@router.get("/held", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("held list"))
def list_held(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> Page[views.Held]:
    """Messages that wait for a person's decision, oldest first, each with its evidence."""
    return page_of(request, query, lambda after, limit: find.list_held(context, after=after, limit=limit))


@router.get("/held/{message_id:id}", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("held show"))
def show_held(context: InContext, message_id: PathId, response: Response) -> views.Held:
    """What is known of a held message: its attempts, and each look into the provider's list."""
    return tagged(response, find.show_held(context, message_id))


@router.post(
    "/held/{message_id:id}/release", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("held release")
)
def release_held(
    provided: AtProvider,
    by: By,
    message_id: PathId,
    decision: views.Decision,
    second: Second,
    response: Response,
    versions: Versions,
) -> views.Held:
    """Send it after all, if the provider's list, asked once more, still does not show it.

    Above fifty releases a day another person agrees with a token of their own; both tokens were made a day before.
    """
    released = release.release_held(provided, message_id, decision, by=by, second=second, versions=versions)
    return tagged(response, released)


@router.post("/held/{message_id:id}/bind", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("held bind"))
def bind_held(
    provided: AtProvider,
    by: By,
    message_id: PathId,
    binding: views.Binding,
    response: Response,
    versions: Versions,
) -> views.Held:
    """Say which of the provider's messages it is: then it was sent."""
    return tagged(response, bind.bind_held(provided, message_id, binding, by=by, versions=versions))


@router.post("/held/{message_id:id}/cancel", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("held cancel"))
def cancel_held(
    context: InContext, by: By, message_id: PathId, decision: views.Decision, response: Response, versions: Versions
) -> views.Held:
    """Leave it at that: it is never sent again."""
    return tagged(response, cancel.cancel_held(context, message_id, decision, by=by, versions=versions))


@router.post("/held/release", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("held release-many"))
def release_many_held(provided: AtProvider, by: By, chosen: views.Many, second: Second) -> views.Decided:
    """Release the oldest of those that the filter names, each as one is released; with `dry_run` only say which.

    Ends after twenty seconds at most: what is `left` wants another request.
    """
    return release.release_many_held(provided, chosen, by=by, second=second)


@router.post("/held/cancel", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("held cancel-many"))
def cancel_many_held(context: InContext, by: By, chosen: views.Many) -> views.Decided:
    """Leave it at that for the oldest of those that the filter names; with `dry_run` only say which."""
    return cancel.cancel_many_held(context, chosen, by=by)
