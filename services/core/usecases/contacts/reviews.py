"""Doubtful texts: a person says whether somebody meant to opt out, and the contact goes on or is left alone."""

from functools import partial

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.domain.opt_outs import OptOutSource
from services.core.domain.send_gate import Reason
from services.core.domain.third_party import others_named
from services.core.storage import audit, clock, contacts, conversations, opt_outs, reviews
from services.core.storage.database import Session
from services.core.storage.outbox import life
from services.core.usecases.contacts.person_key import read_phone
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions, check_version, version_of
from services.core.views.reviews import Decide, Review, ReviewDecision
from services.core.views.values import Page, page_of


def list_reviews(context: Context, *, after: int, limit: int, undecided: bool = True) -> Page[Review]:
    """Reviews by id: those that wait, or with `undecided=False` all."""
    with context.database.reading() as session:
        rows = reviews.page(session, after=after, limit=limit + 1, undecided=undecided)
        return page_of(rows, limit, partial(_view, context), position="review.id")


def show_review(context: Context, review_id: int) -> Review:
    """A review, decided or not. Raises `NotFound`."""
    with context.database.reading() as session:
        return _shown(context, session, review_id)


def decide_review(
    context: Context, review_id: int, wanted: Decide, *, by: str, versions: Versions | None = None
) -> Review:
    """Write the decision down and carry it out; `phone` says who is meant by an opt-out of another number.

    Without it that is the one number that the text names. Raises `NotFound`, `Conflict` when it was decided before, or
    `RefusedInput` about the phone.
    """
    with context.database.transaction() as session:
        review = reviews.lock(session, review_id)
        if review is None:
            raise NotFound("review", review_id)
        shown = _shown(context, session, review_id)
        check_version(lambda: version_of(shown), versions, noun="review")
        if review.decided_at is not None:
            raise Conflict("review_decided", f"review {review_id} was decided before: {review.decision}")
        whose = _who_is_meant(context, shown, wanted.decision, wanted.phone)
        locked = {
            each: contacts.lock(session, review.contact_id)
            if each == shown.e164
            else contacts.lock_by_number(session, each)
            for each in sorted({shown.e164, whose or shown.e164})
        }
        at = clock.product_now(session)
        review.decided_at, review.decided_by = at, by
        review.decision, review.note = wanted.decision, wanted.note
        session.flush()
        if whose is not None:
            opt_outs.record(
                session,
                locked[whose],
                source=OptOutSource.REVIEW,
                rule=review.rule,
                said_at=review.said_at,
                evidence=f"review {review_id}",
                inbox_id=review.inbox_id,
            )
            life.skip_waiting_for(session, [locked[whose].id], reason=Reason.OPTED_OUT)
        if not reviews.has_other_open(session, review):
            contacts.unpause(session, review.contact_id)
            conversations.requeue_paused(session, review.contact_id, at=at)
        detail = {"decision": str(wanted.decision)} | ({"contact_id": locked[whose].id} if whose is not None else {})
        audit.record(session, actor=by, act="review.decided", subject="review", subject_id=review_id, detail=detail)
        session.flush()
        return _shown(context, session, review_id)


def _who_is_meant(context: Context, review: Review, decision: ReviewDecision, phone: str | None) -> str | None:
    """The number to be opted out, if any."""
    if decision is not ReviewDecision.OPT_OUT_OTHER:
        if phone is not None:
            raise RefusedInput("phone_not_wanted", "phone goes with the decision opt_out_other alone", pointer="/phone")
        return review.e164 if decision is ReviewDecision.OPT_OUT else None
    if phone is None:
        if len(review.named) != 1:
            named = f"the text names {', '.join(review.named) or 'no other number'}"
            raise RefusedInput("phone_missing", f"{named}: say which number is meant", pointer="/phone")
        return review.named[0]
    e164 = read_phone(context, phone)
    if e164 == review.e164:
        raise RefusedInput("phone_is_the_senders", "this is the sender's own: decide opt_out", pointer="/phone")
    return e164


def _shown(context: Context, session: Session, review_id: int) -> Review:
    row = reviews.find(session, review_id)
    if row is None:
        raise NotFound("review", review_id)
    return _view(context, row)


def _view(context: Context, row: reviews.ReviewRow) -> Review:
    countries = frozenset(context.settings.allowed_countries)
    named = others_named(row.text or "", sender=row.e164, allowed_countries=countries)
    return Review.of(row.review, e164=row.e164, text=row.text, named=list(named))
