"""Dead letters: work that gave up, replayed through every gate or discarded with a note."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from services.console.cursors import page_of
from services.console.endpoints import By, Endpoint, InContext, PathId
from services.console.shapes import Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.usecases.dead_letters import discard, find, replay
from services.core.views import dead_letters as views


def list_dead_letters(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """Open dead letters, oldest first."""
    return page_of(
        request,
        query,
        lambda after, limit: find.list_dead_letters(context, after=after, limit=limit),
    )


def show_dead_letter(context: InContext, letter_id: PathId, response: Response) -> views.DeadLetter:
    """A letter, open or closed."""
    return tagged(response, find.show_dead_letter(context, letter_id))


def replay_dead_letters(context: InContext, by: By, chosen: views.ReplayMany) -> views.Replayed:
    """Put several letters, or the oldest open ones, back on their queues, no faster than asked for."""
    return replay.replay_dead_letters(context, chosen, by=by)


def replay_dead_letter(
    context: InContext, by: By, letter_id: PathId, wanted: views.Replay, response: Response, versions: Versions
) -> views.DeadLetter:
    """Put the work back on its queue, once; with `dry_run`, only say what it is."""
    replayed = replay.replay_dead_letter(context, letter_id, by=by, dry_run=wanted.dry_run, versions=versions)
    return tagged(response, replayed)


def discard_dead_letter(
    context: InContext, by: By, letter_id: PathId, wanted: views.Discard, response: Response, versions: Versions
) -> views.DeadLetter:
    """Close the letter without replaying it."""
    return tagged(response, discard.discard_dead_letter(context, letter_id, wanted, by=by, versions=versions))


ENDPOINTS = (
    Endpoint(
        verb="dead-letters list",
        method="GET",
        path="/dead-letters",
        role=Role.VIEWER,
        handler=list_dead_letters,
        answer=Page[views.DeadLetter],
    ),
    Endpoint(
        verb="dead-letters replay",
        method="POST",
        path="/dead-letters/replay",
        role=Role.OPERATOR,
        handler=replay_dead_letters,
        answer=views.Replayed,
    ),
    Endpoint(
        verb="dead-letters show",
        method="GET",
        path="/dead-letters/{letter_id:id}",
        role=Role.VIEWER,
        handler=show_dead_letter,
        answer=views.DeadLetter,
    ),
    Endpoint(
        verb="dead-letters replay",
        method="POST",
        path="/dead-letters/{letter_id:id}/replay",
        role=Role.OPERATOR,
        handler=replay_dead_letter,
        answer=views.DeadLetter,
    ),
    Endpoint(
        verb="dead-letters discard",
        method="POST",
        path="/dead-letters/{letter_id:id}/discard",
        role=Role.OPERATOR,
        handler=discard_dead_letter,
        answer=views.DeadLetter,
    ),
)
