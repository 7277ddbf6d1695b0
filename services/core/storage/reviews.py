"""Doubtful texts before a person: what was said, by whom, and the decision."""

from collections.abc import Sequence

from sqlalchemy import Row, exists, select
from sqlalchemy.orm import Session

from services.core.domain.messages import Direction
from services.core.storage.models import Contact, Message, Review


def page(session: Session, *, after: int, limit: int, undecided: bool = True) -> Sequence[Row[Review, str, str | None]]:
    """Reviews by id with the contact's number and the text, which is `None` once it was erased."""
    said = (Message.inbox_id == Review.inbox_id) & (Message.direction == Direction.INCOMING)
    query = (
        select(Review, Contact.e164, Message.body)
        .join(Contact, Contact.id == Review.contact_id)
        .outerjoin(Message, said)
        .where(Review.id > after)
        .order_by(Review.id)
        .limit(limit)
    )
    return session.execute(query.where(Review.decided_at.is_(None)) if undecided else query).all()


def lock(session: Session, review_id: int) -> Review | None:
    return session.scalar(
        select(Review).where(Review.id == review_id).with_for_update().execution_options(populate_existing=True)
    )


def has_other_open(session: Session, review: Review) -> bool:
    """Whether another text of the same contact still waits for a decision."""
    other = exists().where(Review.contact_id == review.contact_id, Review.id != review.id, Review.decided_at.is_(None))
    return bool(session.scalar(select(other)))
