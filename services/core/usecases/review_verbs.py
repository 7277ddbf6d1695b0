"""Doubtful texts: a person says whether somebody meant to opt out, and the contact goes on or is left alone."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.core.domain.failures import Conflict, NotFound
from services.core.domain.opt_outs import OptOutSource
from services.core.storage import audit, clock, contacts, conversations, opt_outs, outbox, reviews
from services.core.storage.database import Session
from services.core.storage.models import Review
from services.core.usecases.context import Context
from services.core.usecases.inspect_verbs import Page
from services.core.usecases.versions import Versions, check_version, version_of


class ReviewDecision(StrEnum):
    OPT_OUT = "opt_out"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class ReviewView:
    """A doubtful text; the contact is paused until it is decided. `text` is empty once it was erased."""

    review_id: int
    contact_id: int
    e164: str
    rule: str
    text: str | None
    said_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decision: str | None
    note: str | None


def list_reviews(context: Context, *, after: int, limit: int, undecided: bool = True) -> Page[ReviewView]:
    """Reviews by id: those that wait, or with `undecided=False` all."""
    with context.database.reading() as session:
        rows = reviews.page(session, after=after, limit=limit + 1, undecided=undecided)
        views = [_view(review, e164, text) for review, e164, text in rows[:limit]]
        return Page(views, views[-1].review_id if len(rows) > limit else None)


def show_review(context: Context, review_id: int) -> ReviewView:
    """A review, decided or not. Raises `NotFound`."""
    with context.database.reading() as session:
        return _shown(session, review_id)


def decide(
    context: Context,
    review_id: int,
    decision: ReviewDecision,
    *,
    by: str,
    note: str | None = None,
    versions: Versions | None = None,
) -> ReviewView:
    """Write the decision down and carry it out. Raises `NotFound`, or `Conflict` when it was decided before."""
    with context.database.transaction() as session:
        review = reviews.lock(session, review_id)
        if review is None:
            raise NotFound("review", review_id)
        check_version(lambda: version_of(_shown(session, review_id)), versions, noun="review")
        if review.decided_at is not None:
            raise Conflict("review_decided", f"review {review_id} was decided before: {review.decision}")
        contact = contacts.lock(session, review.contact_id)
        at = clock.product_now(session)
        review.decided_at, review.decided_by, review.decision, review.note = at, by, decision, note
        session.flush()
        if decision is ReviewDecision.OPT_OUT:
            opt_outs.record(
                session,
                contact,
                source=OptOutSource.REVIEW,
                rule=review.rule,
                said_at=review.said_at,
                evidence=f"review {review_id}",
                inbox_id=review.inbox_id,
            )
            outbox.skip_pending_of(session, contact, reason="opted_out")
        if not reviews.has_other_open(session, review):
            contacts.unpause(session, contact.id)
            conversations.requeue_paused(session, contact.id, at=at)
        detail = {"decision": str(decision)}
        audit.record(session, actor=by, act="review.decided", subject="review", subject_id=review_id, detail=detail)
        session.flush()
        return _shown(session, review_id)


def _shown(session: Session, review_id: int) -> ReviewView:
    row = reviews.find(session, review_id)
    if row is None:
        raise NotFound("review", review_id)
    return _view(*row)


def _view(review: Review, e164: str, text: str | None) -> ReviewView:
    return ReviewView(
        review_id=review.id,
        contact_id=review.contact_id,
        e164=e164,
        rule=review.rule,
        text=text,
        said_at=review.said_at,
        decided_at=review.decided_at,
        decided_by=review.decided_by,
        decision=review.decision,
        note=review.note,
    )
