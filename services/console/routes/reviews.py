"""Reviews: texts that may have meant STOP; the contact is paused until somebody decides."""

from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import Field

from services.console.cursors import page_of
from services.console.endpoints import By, Endpoint, InContext, PathId
from services.console.shapes import Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.usecases.contacts import reviews
from services.core.views import reviews as views


class ReviewsQuery(PageQuery):
    undecided: bool = Field(default=True, description="false: those that were decided, too")


def list_reviews(context: InContext, request: Request, query: Annotated[ReviewsQuery, Query()]) -> dict[str, Any]:
    """Doubtful texts, oldest first."""
    return page_of(
        request,
        query,
        lambda after, limit: reviews.list_reviews(context, after=after, limit=limit, undecided=query.undecided),
    )


def show_review(context: InContext, review_id: PathId, response: Response) -> views.Review:
    """A doubtful text, decided or not."""
    return tagged(response, reviews.show_review(context, review_id))


def decide_review(
    context: InContext, by: By, review_id: PathId, wanted: views.Decide, response: Response, versions: Versions
) -> views.Review:
    """Say what was meant: an opt-out, in force since it was said, another number's, or none."""
    return tagged(response, reviews.decide_review(context, review_id, wanted, by=by, versions=versions))


ENDPOINTS = (
    Endpoint(
        verb="reviews list",
        method="GET",
        path="/reviews",
        role=Role.VIEWER,
        handler=list_reviews,
        answer=Page[views.Review],
    ),
    Endpoint(
        verb="reviews show",
        method="GET",
        path="/reviews/{review_id:id}",
        role=Role.VIEWER,
        handler=show_review,
        answer=views.Review,
    ),
    Endpoint(
        verb="reviews decide",
        method="POST",
        path="/reviews/{review_id:id}/decide",
        role=Role.OPERATOR,
        handler=decide_review,
        answer=views.Review,
    ),
)
