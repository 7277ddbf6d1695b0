"""The counts of one day, each from an index that holds little more than that day."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, literal, or_, select
from sqlalchemy.orm import Session

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.health import Waiting
from services.core.domain.messages import Direction, MessageStatus
from services.core.storage.models import Campaign, Contact, Message, OptOut

REPLIES_LOOKED_AT = 1000
NOT_SENT = (MessageStatus.PENDING, MessageStatus.SKIPPED)


@dataclass(frozen=True, slots=True)
class Coming:
    """Texts that are due before a time, and when the next of them that isn't due yet is."""

    count: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Known:
    """Whether there is anybody to text and any campaign, and how many campaigns run."""

    contacts: bool
    campaigns: bool
    running: int


def coming(session: Session, *, at: datetime, until: datetime) -> Coming:
    """Texts of running campaigns, or of none, that are due before `until`; with the broker or not."""
    running = select(Campaign.id).where(Campaign.status == CampaignStatus.RUNNING)
    count, next_at = session.execute(
        select(func.count(), func.min(Message.not_before).filter(Message.not_before > at)).where(
            Message.status == MessageStatus.PENDING,
            Message.published_at.is_(None),
            Message.not_before < until,
            or_(Message.campaign_id.is_(None), Message.campaign_id.in_(running)),
        )
    ).one()
    published = session.scalar(
        select(func.count()).where(Message.status == MessageStatus.PENDING, Message.published_at.is_not(None))
    )
    return Coming(count + (published or 0), next_at)


def submitted(session: Session, *, since: datetime) -> dict[str, int]:
    """Texts that were submitted since then, by what became of them."""
    rows = session.execute(
        select(Message.status, func.count())
        .where(Message.submitted_at >= since, Message.status.not_in(NOT_SENT))
        .group_by(Message.status)
    )
    return dict(rows.all())


def last_submitted_at(session: Session) -> datetime | None:
    """When a text was last submitted."""
    return session.scalar(select(func.max(Message.submitted_at)))


def received(session: Session, *, since: datetime) -> int:
    """What people wrote since then."""
    query = select(func.count()).where(Message.direction == Direction.INCOMING, Message.created_at >= since)
    return session.scalar(query) or 0


def opted_out(session: Session, *, since: datetime) -> int:
    return session.scalar(select(func.count()).where(OptOut.recorded_at >= since)) or 0


def unanswered(session: Session) -> Waiting:
    """People whose last word has no answer, and who may be answered, among the latest texts that came in."""
    latest = (
        select(Message.contact_id, Message.created_at)
        .where(Message.direction == Direction.INCOMING)
        .order_by(Message.created_at.desc())
        .limit(REPLIES_LOOKED_AT)
        .subquery()
    )
    person = (
        select(latest.c.contact_id, func.max(latest.c.created_at).label("since"))
        .group_by(latest.c.contact_id)
        .subquery()
    )
    # asked for each person by itself: the planner may join no table of all texts instead
    last_word = (
        select(Message.direction)
        .where(Message.contact_id == person.c.contact_id, Message.status != MessageStatus.SKIPPED)
        .order_by(Message.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    waiting = (
        select(person.c.since)
        .join(Contact, Contact.id == person.c.contact_id)
        .where(Contact.opted_out_at.is_(None), Contact.erased_at.is_(None), last_word == Direction.INCOMING)
        .subquery()
    )
    age = func.product_now() - func.min(waiting.c.since)
    count, oldest = session.execute(select(func.count(), age).select_from(waiting)).one()
    return Waiting(count, oldest)


def known(session: Session) -> Known:
    running = select(func.count()).where(Campaign.status == CampaignStatus.RUNNING).scalar_subquery()
    contacts, campaigns, count = session.execute(
        select(
            exists(select(literal(1)).select_from(Contact)), exists(select(literal(1)).select_from(Campaign)), running
        )
    ).one()
    return Known(contacts, campaigns, count)
