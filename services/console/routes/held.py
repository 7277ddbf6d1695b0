"""Held messages: those of which nobody knows whether they reached a person, with the evidence; a person decides."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from services.console.cursors import page_of
from services.console.endpoints import AtProvider, By, Endpoint, InContext, PathId, Second
from services.console.shapes import Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.usecases.messages.held import bind, cancel, find, release
from services.core.views import held as views


def list_held(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """Messages that wait for a person's decision, oldest first, each with its evidence."""
    return page_of(request, query, lambda after, limit: find.list_held(context, after=after, limit=limit))


def show_held(context: InContext, message_id: PathId, response: Response) -> views.Held:
    """What is known of a held message: its attempts, and each look into the provider's list."""
    return tagged(response, find.show_held(context, message_id))


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


def cancel_held(
    context: InContext, by: By, message_id: PathId, decision: views.Decision, response: Response, versions: Versions
) -> views.Held:
    """Leave it at that: it is never sent again."""
    return tagged(response, cancel.cancel_held(context, message_id, decision, by=by, versions=versions))


def release_many_held(provided: AtProvider, by: By, chosen: views.Many, second: Second) -> views.Decided:
    """Release the oldest of those that the filter names, each as one is released; with `dry_run` only say which.

    Ends after twenty seconds at most: what is `left` wants another request.
    """
    return release.release_many_held(provided, chosen, by=by, second=second)


def cancel_many_held(context: InContext, by: By, chosen: views.Many) -> views.Decided:
    """Leave it at that for the oldest of those that the filter names; with `dry_run` only say which."""
    return cancel.cancel_many_held(context, chosen, by=by)


ENDPOINTS = (
    Endpoint(
        verb="held list", method="GET", path="/held", role=Role.VIEWER, handler=list_held, answer=Page[views.Held]
    ),
    Endpoint(
        verb="held show",
        method="GET",
        path="/held/{message_id:id}",
        role=Role.VIEWER,
        handler=show_held,
        answer=views.Held,
    ),
    *(
        Endpoint(
            verb=f"held {verb}",
            method="POST",
            path=f"/held/{{message_id:id}}/{verb}",
            role=Role.OPERATOR,
            handler=handler,
            answer=views.Held,
        )
        for verb, handler in (("release", release_held), ("bind", bind_held), ("cancel", cancel_held))
    ),
    *(
        Endpoint(
            verb=f"held {verb}-many",
            method="POST",
            path=f"/held/{verb}",
            role=Role.OPERATOR,
            handler=handler,
            answer=views.Decided,
        )
        for verb, handler in (("release", release_many_held), ("cancel", cancel_many_held))
    ),
)
