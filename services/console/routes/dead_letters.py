"""Dead letters: work that gave up, replayed through every gate or discarded with a note."""

from typing import Annotated

from fastapi import Query, Request, Response

from services.console.cursors import page_of
from services.console.dependencies import By, InContext, requires
from services.console.endpoints import PathId, api_router, verb
from services.console.shapes import Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.usecases.dead_letters import discard, find, replay
from services.core.views import dead_letters as views

router = api_router()


@router.get("/dead-letters", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("dead-letters list"))
def list_dead_letters(
    context: InContext, request: Request, query: Annotated[PageQuery, Query()]
) -> Page[views.DeadLetter]:
    """Open dead letters, oldest first."""
    return page_of(
        request,
        query,
        lambda after, limit: find.list_dead_letters(context, after=after, limit=limit),
    )


@router.get(
    "/dead-letters/{letter_id:id}", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("dead-letters show")
)
def show_dead_letter(context: InContext, letter_id: PathId, response: Response) -> views.DeadLetter:
    """A letter, open or closed."""
    return tagged(response, find.show_dead_letter(context, letter_id))


@router.post("/dead-letters/replay", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("dead-letters replay"))
def replay_dead_letters(context: InContext, by: By, chosen: views.ReplayMany) -> views.Replayed:
    """Put several letters, or the oldest open ones, back on their queues, no faster than asked for."""
    return replay.replay_dead_letters(context, chosen, by=by)


@router.post(
    "/dead-letters/{letter_id:id}/replay",
    dependencies=[requires(Role.OPERATOR)],
    openapi_extra=verb("dead-letters replay"),
)
def replay_dead_letter(
    context: InContext, by: By, letter_id: PathId, wanted: views.Replay, response: Response, versions: Versions
) -> views.DeadLetter:
    """Put the work back on its queue, once; with `dry_run`, only say what it is."""
    replayed = replay.replay_dead_letter(context, letter_id, by=by, dry_run=wanted.dry_run, versions=versions)
    return tagged(response, replayed)


@router.post(
    "/dead-letters/{letter_id:id}/discard",
    dependencies=[requires(Role.OPERATOR)],
    openapi_extra=verb("dead-letters discard"),
)
def discard_dead_letter(
    context: InContext, by: By, letter_id: PathId, wanted: views.Discard, response: Response, versions: Versions
) -> views.DeadLetter:
    """Close the letter without replaying it."""
    return tagged(response, discard.discard_dead_letter(context, letter_id, wanted, by=by, versions=versions))
