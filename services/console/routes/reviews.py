"""Reviews: texts that may have meant STOP; the contact is paused until somebody decides."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from services.console.cursors import page_of
from services.console.endpoints import By, Endpoint, PathId, Work
from services.console.shapes import reviews as shapes
from services.console.shapes.values import Page
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.usecases.contacts import review_verbs
from services.core.usecases.contacts.review_verbs import ReviewView


def list_reviews(work: Work, request: Request, query: Annotated[shapes.ReviewsQuery, Query()]) -> dict[str, Any]:
    """Doubtful texts, oldest first."""
    return page_of(
        request,
        query,
        lambda after, limit: review_verbs.list_reviews(work, after=after, limit=limit, undecided=query.undecided),
    )


def show_review(work: Work, review_id: PathId, response: Response) -> ReviewView:
    """A doubtful text, decided or not."""
    return tagged(response, review_verbs.show_review(work, review_id))


def decide_review(
    work: Work, by: By, review_id: PathId, decide: shapes.Decide, response: Response, versions: Versions
) -> ReviewView:
    """Say what was meant: an opt-out, in force since it was said, another number's, or none."""
    decided = review_verbs.decide(
        work, review_id, decide.decision, by=by, phone=decide.phone, note=decide.note, versions=versions
    )
    return tagged(response, decided)


ENDPOINTS = (
    Endpoint(
        verb="reviews list",
        method="GET",
        path="/reviews",
        role=Role.VIEWER,
        handler=list_reviews,
        answer=Page[shapes.Review],
    ),
    Endpoint(
        verb="reviews show",
        method="GET",
        path="/reviews/{review_id:id}",
        role=Role.VIEWER,
        handler=show_review,
        answer=shapes.Review,
    ),
    Endpoint(
        verb="reviews decide",
        method="POST",
        path="/reviews/{review_id:id}/decide",
        role=Role.OPERATOR,
        handler=decide_review,
        answer=shapes.Review,
    ),
)
