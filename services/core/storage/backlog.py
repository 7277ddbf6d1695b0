"""How long the oldest work waits, as the rows know it: queues hold no times."""

from datetime import timedelta

from sqlalchemy import Interval, func, select, type_coerce
from sqlalchemy.orm import Session

from services.core.domain.inbox import InboxStatus
from services.core.domain.messages import MessageStatus
from services.core.storage.models import InboxEvent, Message


def oldest_published(session: Session) -> timedelta | None:
    """How long ago, in real time, the oldest message that no worker has taken yet went to the broker."""
    return session.scalar(
        select(type_coerce(func.clock_timestamp() - func.min(Message.published_at), Interval)).where(
            Message.status == MessageStatus.PENDING, Message.published_at.is_not(None), Message.lease_until.is_(None)
        )
    )


def oldest_event(session: Session) -> timedelta | None:
    """How long ago, in product time, the oldest event that still waits came in."""
    return session.scalar(
        select(type_coerce(func.product_now() - func.min(InboxEvent.received_at), Interval)).where(
            InboxEvent.status == InboxStatus.NEW
        )
    )
