"""What waits and since when, by the rows: read for the health report and for the gauges.

Ages are product time, but for what went to the broker and for the clock's ticks.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Interval, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from services.core.domain.health import Waiting
from services.core.domain.inbox import InboxStatus
from services.core.domain.messages import MessageStatus
from services.core.domain.schedule import RunStatus
from services.core.storage.models import (
    Attempt,
    AuditEntry,
    BeatLease,
    Campaign,
    DeadLetter,
    InboxEvent,
    Message,
    Review,
    ScheduledRun,
)

PRODUCT_NOW = func.product_now()
REAL_NOW = func.clock_timestamp()


def due_texts(session: Session) -> Waiting:
    """Texts of running campaigns, or of none, whose time has come: with the broker or not."""
    unpublished = _waiting(
        session,
        Message.not_before,
        Message.status == MessageStatus.PENDING,
        Message.published_at.is_(None),
        Message.not_before <= PRODUCT_NOW,
        or_(
            Message.campaign_id.is_(None),
            Message.campaign_id.in_(select(Campaign.id).where(Campaign.status == "running")),
        ),
    )
    published = _waiting(
        session,
        Message.not_before,
        Message.status == MessageStatus.PENDING,
        Message.published_at.is_not(None),
        Message.not_before <= PRODUCT_NOW,
    )
    ages = [each.oldest for each in (unpublished, published) if each.oldest is not None]
    return Waiting(unpublished.count + published.count, max(ages, default=None))


def last_attempt(session: Session) -> timedelta | None:
    """How long ago a text was last submitted."""
    latest = select(Attempt.started_at).order_by(Attempt.id.desc()).limit(1).scalar_subquery()
    return session.scalar(select(_age(PRODUCT_NOW, latest)))


def published_texts(session: Session) -> Waiting:
    """Texts that went to the broker and that no worker has taken yet."""
    return _waiting(
        session,
        Message.published_at,
        Message.status == MessageStatus.PENDING,
        Message.published_at.is_not(None),
        Message.lease_until.is_(None),
        now=REAL_NOW,
    )


def new_events(session: Session) -> Waiting:
    return _waiting(session, InboxEvent.received_at, InboxEvent.status == InboxStatus.NEW)


def stopped_campaigns(session: Session) -> Waiting:
    """Campaigns that stopped themselves, or did not start when they should."""
    return _waiting(session, Campaign.stopped_at, Campaign.stopped_because.is_not(None))


def quarantined_events(session: Session) -> Waiting:
    """Webhooks that the provider signed and that wait for a person."""
    return _waiting(session, InboxEvent.received_at, InboxEvent.status == InboxStatus.QUARANTINED)


def due_runs(session: Session) -> dict[str, Waiting]:
    """Scheduled runs that no worker has taken yet, by job."""
    rows = session.execute(
        select(ScheduledRun.job, func.count(), _age(PRODUCT_NOW, func.min(ScheduledRun.due_at)))
        .where(ScheduledRun.status == RunStatus.DUE)
        .group_by(ScheduledRun.job)
    )
    return {job: Waiting(count, oldest) for job, count, oldest in rows}


def uncertain_texts(session: Session) -> Waiting:
    """Texts that were submitted and whose outcome is not known."""
    unknown = (MessageStatus.SENDING, MessageStatus.UNCERTAIN)
    return _waiting(session, Message.submitted_at, Message.status.in_(unknown))


def held_texts(session: Session) -> Waiting:
    return _waiting(session, Message.updated_at, Message.status == MessageStatus.HELD)


def open_dead_letters(session: Session) -> Waiting:
    return _waiting(session, DeadLetter.created_at, DeadLetter.replayed_at.is_(None), DeadLetter.discarded_at.is_(None))


def open_reviews(session: Session) -> Waiting:
    """Doubtful texts that wait for a person's decision."""
    return _waiting(session, Review.created_at, Review.decided_at.is_(None))


def beat_silent_for(session: Session) -> timedelta | None:
    """How long ago the clock last ticked; `None` when it never did."""
    return session.scalar(select(_age(REAL_NOW, BeatLease.ticked_at)))


def webhook_key_age(session: Session) -> timedelta | None:
    """How long ago the webhook's key was last made by us; `None` when it never was."""
    acts = ("webhook.registered", "webhook.rotated")
    return session.scalar(select(_age(PRODUCT_NOW, func.max(AuditEntry.at))).where(AuditEntry.act.in_(acts)))


def _waiting(session: Session, since: Any, *conditions: Any, now: Any = PRODUCT_NOW) -> Waiting:
    count, oldest = session.execute(select(func.count(), _age(now, func.min(since))).where(*conditions)).one()
    return Waiting(count, max(oldest, timedelta(0)) if oldest is not None else None)


def _age(now: Any, since: Any) -> ColumnElement[timedelta]:
    return type_coerce(now - since, Interval)
