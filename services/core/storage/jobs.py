"""Jobs at customers' houses, and the texts that follow their completion."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.core.storage.models import Job


def newly_complete(session: Session, *, limit: int) -> Sequence[Job]:
    """Jobs whose calendar end has passed and that are paid, without a follow-up yet; locked."""
    return session.scalars(
        select(Job)
        .where(
            Job.completed_at.is_(None),
            Job.cancelled_at.is_(None),
            Job.calendar_end <= func.product_now(),
            Job.invoice_paid_at <= func.product_now(),
        )
        .order_by(Job.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def due_reminders(session: Session, *, after: timedelta, limit: int) -> Sequence[Job]:
    """Completed jobs without a review, without a reminder, whose follow-up is that long ago; locked."""
    return session.scalars(
        select(Job)
        .where(
            Job.completed_at <= func.product_now() - after,
            Job.cancelled_at.is_(None),
            Job.review_at.is_(None),
            Job.follow_up_message_id.is_not(None),
            Job.reminder_message_id.is_(None),
        )
        .order_by(Job.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
