"""Reviews: texts that may have meant STOP; the contact is paused until somebody decides."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field

from services.console.cursors import page_of
from services.console.dependencies import By, InContext, requires
from services.console.endpoints import PathId, api_router, verb
from services.console.shapes import Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.usecases.contacts import reviews
from services.core.views import reviews as views

router = api_router()


class ReviewsQuery(PageQuery):
    undecided: bool = Field(default=True, description="false: those that were decided, too")


@router.get("/reviews", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("reviews list"))
def list_reviews(context: InContext, request: Request, query: Annotated[ReviewsQuery, Query()]) -> Page[views.Review]:
    """Doubtful texts, oldest first."""
    return page_of(
        request,
        query,
        lambda after, limit: reviews.list_reviews(context, after=after, limit=limit, undecided=query.undecided),
    )


@router.get("/reviews/{review_id:id}", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("reviews show"))
def show_review(context: InContext, review_id: PathId, response: Response) -> views.Review:
    """A doubtful text, decided or not."""
    return tagged(response, reviews.show_review(context, review_id))


@router.post(
    "/reviews/{review_id:id}/decide", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("reviews decide")
)
def decide_review(
    context: InContext, by: By, review_id: PathId, wanted: views.Decide, response: Response, versions: Versions
) -> views.Review:
    """Say what was meant: an opt-out, in force since it was said, another number's, or none."""
    return tagged(response, reviews.decide_review(context, review_id, wanted, by=by, versions=versions))
