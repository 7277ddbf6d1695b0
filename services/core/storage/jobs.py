"""Jobs at customers' houses, and the texts that follow their completion."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, aliased

from services.core.storage.clock import PRODUCT_NOW
from services.core.storage.models import Contact, Job, Message


class JobRow(NamedTuple):
    """A job with its contact and the texts that were written for it."""

    job: Job
    contact: Contact
    follow_up: Message | None
    reminder: Message | None


def due(session: Session, *, remind_after: timedelta, limit: int) -> Sequence[int]:
    """Ids of the jobs that have newly completed or whose reminder is due."""
    completes = Job.completed_at.is_(None) & (Job.calendar_end <= PRODUCT_NOW)
    reminds = (
        (Job.completed_at <= PRODUCT_NOW - remind_after) & Job.review_at.is_(None) & Job.reminder_message_id.is_(None)
    )
    return session.scalars(
        select(Job.id)
        .where(Job.cancelled_at.is_(None), Job.invoice_paid_at <= PRODUCT_NOW, or_(completes, reminds))
        .order_by(Job.id)
        .limit(limit)
    ).all()


def lock(session: Session, job_id: int) -> Job | None:
    """The job, locked; `None` while somebody else works on it."""
    return session.scalar(
        select(Job).where(Job.id == job_id).with_for_update(skip_locked=True).execution_options(populate_existing=True)
    )


def lock_by_external_id(session: Session, external_id: str) -> Job | None:
    return session.scalar(
        select(Job).where(Job.external_id == external_id).with_for_update().execution_options(populate_existing=True)
    )


def find(session: Session, external_id: str) -> JobRow | None:
    row = session.execute(_rows().where(Job.external_id == external_id)).one_or_none()
    return None if row is None else JobRow(*row)


def page(session: Session, *, after: int, limit: int) -> Sequence[JobRow]:
    """Jobs by id, `limit` of them after `after`."""
    rows = session.execute(_rows().where(Job.id > after).order_by(Job.id).limit(limit))
    return [JobRow(*row) for row in rows]


def _rows() -> Select[Job, Contact, Message, Message]:
    follow_up, reminder = aliased(Message), aliased(Message)
    return (
        select(Job, Contact, follow_up, reminder)
        .join(Contact, Contact.id == Job.contact_id)
        .outerjoin(follow_up, follow_up.id == Job.follow_up_message_id)
        .outerjoin(reminder, reminder.id == Job.reminder_message_id)
    )
