"""Doubtful texts before a person: what was said, by whom, and the decision."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from services.core.domain.messages import Direction
from services.core.storage.models import Contact, Message, Review


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A review with its contact's number and the text, which is `None` once it was erased."""

    review: Review
    e164: str
    text: str | None


def page(session: Session, *, after: int, limit: int, undecided: bool = True) -> Sequence[ReviewRow]:
    """Reviews by id, `limit` of them after `after`."""
    query = _rows().where(Review.id > after).order_by(Review.id).limit(limit)
    rows = session.execute(query.where(Review.decided_at.is_(None)) if undecided else query)
    return [ReviewRow(row[0], row[1], row[2]) for row in rows]


def find(session: Session, review_id: int) -> ReviewRow | None:
    row = session.execute(_rows().where(Review.id == review_id)).one_or_none()
    return None if row is None else ReviewRow(row[0], row[1], row[2])


def lock(session: Session, review_id: int) -> Review | None:
    return session.scalar(
        select(Review).where(Review.id == review_id).with_for_update().execution_options(populate_existing=True)
    )


def has_other_open(session: Session, review: Review) -> bool:
    """Whether another text of the same contact still waits for a decision."""
    other = exists().where(Review.contact_id == review.contact_id, Review.id != review.id, Review.decided_at.is_(None))
    return bool(session.scalar(select(other)))


def _rows() -> Select[Review, str, str | None]:
    said = (Message.inbox_id == Review.inbox_id) & (Message.direction == Direction.INCOMING)
    return (
        select(Review, Contact.e164, Message.body)
        .join(Contact, Contact.id == Review.contact_id)
        .outerjoin(Message, said)
    )
