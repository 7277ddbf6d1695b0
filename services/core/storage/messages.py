"""Look messages up: by campaign, by person, by state. What changes them is in `outbox`."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.core.domain.messages import Direction, MessageStatus
from services.core.storage.clock import PRODUCT_NOW
from services.core.storage.models import Message


def last_campaign_text(session: Session, *, contact_id: int, before: datetime, within: timedelta) -> Message | None:
    """The campaign text that a reply most likely answers: the contact's latest one in that time."""
    return session.scalar(
        select(Message)
        .where(
            Message.contact_id == contact_id,
            Message.direction == Direction.OUTGOING,
            Message.campaign_id.is_not(None),
            Message.submitted_at.between(before - within, before),
        )
        .order_by(Message.submitted_at.desc())
        .limit(1)
    )


def has_same_text(session: Session, *, contact_id: int, body_hash: bytes, within: timedelta) -> bool:
    """Whether the contact was written this very text lately, sent or still to be sent."""
    return (
        session.scalar(
            select(Message.id)
            .where(
                Message.contact_id == contact_id,
                Message.direction == Direction.OUTGOING,
                Message.body_hash == body_hash,
                Message.created_at > PRODUCT_NOW - within,
            )
            .limit(1)
        )
        is not None
    )


def find(session: Session, message_id: int) -> Message | None:
    return session.get(Message, message_id)


def page(
    session: Session,
    *,
    campaign_id: int | None = None,
    status: str | None = None,
    e164: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> Sequence[Message]:
    """Messages by id, `limit` of them after `after`."""
    query = select(Message).where(Message.id > after).order_by(Message.id).limit(limit)
    if campaign_id is not None:
        query = query.where(Message.campaign_id == campaign_id)
    if status is not None:
        query = query.where(Message.status == status)
    if e164 is not None:
        query = query.where(Message.e164 == e164)
    return session.scalars(query).all()


def of_ids(session: Session, ids: Collection[int]) -> Sequence[Message]:
    return session.scalars(select(Message).where(Message.id.in_(ids)).order_by(Message.id)).all()


def held_ids(
    session: Session, *, campaign_id: int | None, held_before: datetime | None, reason: str | None, limit: int
) -> tuple[list[int], int]:
    """The oldest held messages that a filter names, `limit` of them, and how many there are in all."""
    conditions = [Message.status == MessageStatus.HELD]
    if campaign_id is not None:
        conditions.append(Message.campaign_id == campaign_id)
    if held_before is not None:
        conditions.append(Message.updated_at <= held_before)
    if reason is not None:
        conditions.append(Message.reason == reason)
    ids = session.scalars(select(Message.id).where(*conditions).order_by(Message.id).limit(limit)).all()
    return list(ids), session.scalar(select(func.count()).select_from(Message).where(*conditions)) or 0


def counts(session: Session, campaign_id: int | None = None) -> dict[str, int]:
    """Messages by state: a campaign's texts, or of all there are, in which incoming ones count as `received`."""
    query = select(Message.status, func.count()).group_by(Message.status)
    if campaign_id is not None:
        query = query.where(Message.campaign_id == campaign_id, Message.direction == Direction.OUTGOING)
    return dict(session.execute(query).all())
