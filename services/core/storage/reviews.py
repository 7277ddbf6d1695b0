"""Doubtful texts before a person: what was said, by whom, and the decision."""

from collections.abc import Sequence

from sqlalchemy import Row, Select, exists, select
from sqlalchemy.orm import Session

from services.core.domain.messages import Direction
from services.core.storage.models import Contact, Message, Review


def page(session: Session, *, after: int, limit: int, undecided: bool = True) -> Sequence[Row[Review, str, str | None]]:
    """Reviews by id with the contact's number and the text, which is `None` once it was erased."""
    query = _rows().where(Review.id > after).order_by(Review.id).limit(limit)
    return session.execute(query.where(Review.decided_at.is_(None)) if undecided else query).all()


def find(session: Session, review_id: int) -> Row[Review, str, str | None] | None:
    """A review with the contact's number and the text."""
    return session.execute(_rows().where(Review.id == review_id)).one_or_none()


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
