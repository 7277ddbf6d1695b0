"""Doubtful texts: a person says whether somebody meant to opt out, and the contact goes on or is left alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.domain.opt_outs import OptOutSource
from services.core.domain.phone_numbers import PhoneNumber, parse_phone_number
from services.core.domain.third_party import others_named
from services.core.storage import audit, clock, contacts, conversations, opt_outs, reviews
from services.core.storage.database import Session
from services.core.storage.models import Review
from services.core.storage.outbox import life
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions, check_version, version_of
from services.core.views.reviews import ReviewDecision
from services.core.views.values import Page


@dataclass(frozen=True, slots=True)
class ReviewView:
    """A doubtful text; the contact is paused until it is decided. `text` is empty once it was erased.

    `named` are the numbers in the text other than its sender's.
    """

    review_id: int
    contact_id: int
    e164: str
    rule: str
    text: str | None
    named: Sequence[str]
    said_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decision: str | None
    note: str | None


def list_reviews(context: Context, *, after: int, limit: int, undecided: bool = True) -> Page[ReviewView]:
    """Reviews by id: those that wait, or with `undecided=False` all."""
    with context.database.reading() as session:
        rows = reviews.page(session, after=after, limit=limit + 1, undecided=undecided)
        views = [_view(context, review, e164, text) for review, e164, text in rows[:limit]]
        return Page(items=list(views), next=views[-1].review_id if len(rows) > limit else None)


def show_review(context: Context, review_id: int) -> ReviewView:
    """A review, decided or not. Raises `NotFound`."""
    with context.database.reading() as session:
        return _shown(context, session, review_id)


def decide(
    context: Context,
    review_id: int,
    decision: ReviewDecision,
    *,
    by: str,
    phone: str | None = None,
    note: str | None = None,
    versions: Versions | None = None,
) -> ReviewView:
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
        whose = _who_is_meant(context, shown, decision, phone)
        locked = {
            each: contacts.lock(session, review.contact_id)
            if each == shown.e164
            else contacts.lock_by_number(session, each)
            for each in sorted({shown.e164, whose or shown.e164})
        }
        at = clock.product_now(session)
        review.decided_at, review.decided_by, review.decision, review.note = at, by, decision, note
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
            life.skip_waiting_for(session, [locked[whose].id], reason="opted_out")
        if not reviews.has_other_open(session, review):
            contacts.unpause(session, review.contact_id)
            conversations.requeue_paused(session, review.contact_id, at=at)
        detail = {"decision": str(decision)} | ({"contact_id": locked[whose].id} if whose is not None else {})
        audit.record(session, actor=by, act="review.decided", subject="review", subject_id=review_id, detail=detail)
        session.flush()
        return _shown(context, session, review_id)


def _who_is_meant(context: Context, review: ReviewView, decision: ReviewDecision, phone: str | None) -> str | None:
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
    countries = frozenset(context.settings.allowed_countries)
    parsed = parse_phone_number(phone, allowed_countries=countries, allow_test_numbers=context.is_simulated)
    if not isinstance(parsed, PhoneNumber):
        raise RefusedInput(parsed, "phone is a number that can be texted, as (202) 555-0143", pointer="/phone")
    if parsed.e164 == review.e164:
        raise RefusedInput("phone_is_the_senders", "this is the sender's own: decide opt_out", pointer="/phone")
    return parsed.e164


def _shown(context: Context, session: Session, review_id: int) -> ReviewView:
    row = reviews.find(session, review_id)
    if row is None:
        raise NotFound("review", review_id)
    return _view(context, *row)


def _view(context: Context, review: Review, e164: str, text: str | None) -> ReviewView:
    countries = frozenset(context.settings.allowed_countries)
    return ReviewView(
        review_id=review.id,
        contact_id=review.contact_id,
        e164=e164,
        rule=review.rule,
        text=text,
        named=list(others_named(text or "", sender=e164, allowed_countries=countries)),
        said_at=review.said_at,
        decided_at=review.decided_at,
        decided_by=review.decided_by,
        decision=review.decision,
        note=review.note,
    )
