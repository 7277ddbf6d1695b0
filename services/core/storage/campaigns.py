"""Campaigns, their planned recipients, and when their messages are due."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, delete, func, literal, or_, select, text, update
from sqlalchemy.orm import Session

from services.core.domain.audiences import Audience
from services.core.domain.messages import MessageStatus
from services.core.storage import contacts
from services.core.storage.bulk import copy_in, count_written
from services.core.storage.clock import PRODUCT_NOW
from services.core.storage.models import Campaign, Contact, ImportRow, Message, Recipient
from services.core.storage.paging import page_by_id
from services.core.storage.published import Published, is_not_among

PlannedRow = tuple[int, int, str, str, str | None, str | None, int]
"""Campaign, contact, number, variant, exclusion, body, segments."""

COPY_RECIPIENTS = "COPY recipients (campaign_id, contact_id, e164, variant, excluded, body, segments) FROM STDIN"
ROWS_AT_ONCE = 2000
LOOKED_AT_FOR = timedelta(days=1)
FAILED = (MessageStatus.FAILED, MessageStatus.UNDELIVERED)

QUEUE_NEXT = """
UPDATE messages SET not_before = slot.at, updated_at = product_now()
FROM (SELECT id, row_number() OVER (ORDER BY id) AS nth
      FROM (SELECT id FROM messages
            WHERE campaign_id = :campaign_id AND status = 'pending' AND not_before IS NULL
            ORDER BY id LIMIT :count FOR NO KEY UPDATE SKIP LOCKED) AS free) AS waiting
JOIN unnest(cast(:slots AS timestamptz[])) WITH ORDINALITY AS slot (at, nth) ON slot.nth = waiting.nth
WHERE messages.id = waiting.id
"""


# One message that is late by a whole interval means that the rest of its day must be laid out anew.
REQUEUE_MISSED = """
UPDATE messages SET not_before = NULL, updated_at = product_now()
WHERE campaign_id = :campaign_id AND status = 'pending' AND published_at IS NULL AND lease_until IS NULL
  AND not_before < :closes
  AND EXISTS (SELECT FROM messages AS late WHERE late.campaign_id = :campaign_id AND late.status = 'pending'
              AND late.published_at IS NULL AND late.not_before < :due_before)
"""


def lock(session: Session, campaign_id: int) -> Campaign | None:
    return session.scalar(
        select(Campaign).where(Campaign.id == campaign_id).with_for_update().execution_options(populate_existing=True)
    )


def find(session: Session, key: str) -> Campaign | None:
    """A campaign by id or by name."""
    column = Campaign.id if key.isdecimal() else Campaign.name
    return session.scalar(select(Campaign).where(column == (int(key) if key.isdecimal() else key)))


def page(session: Session, *, after: int, limit: int, newest_first: bool = False) -> Sequence[Campaign]:
    return page_by_id(session, Campaign, after=after, limit=limit, newest_first=newest_first)


def audience(session: Session, chosen: Audience, *, at_once: int = ROWS_AT_ONCE) -> Iterator[Sequence[Contact]]:
    """The contacts of an audience by number, some at a time: those of one import, whom a campaign's text failed to
    reach, or all.
    """
    query = _audience(chosen).order_by(Contact.e164).limit(at_once)
    last = ""
    while people := session.scalars(query.where(Contact.e164 > last)).all():
        last = people[-1].e164
        yield people
        session.expunge_all()


def in_audience(session: Session, chosen: Audience, key: str) -> Contact | None:
    """The contact of this id or number, if it is one of the audience."""
    found = contacts.find(session, key)
    return session.scalar(_audience(chosen).where(Contact.id == found.id)) if found is not None else None


def _audience(chosen: Audience) -> Select[Contact]:
    query = select(Contact).where(Contact.erased_at.is_(None))
    if chosen.import_id is not None:
        query = query.where(
            Contact.e164.in_(
                select(ImportRow.e164).where(ImportRow.import_id == chosen.import_id, ImportRow.outcome != "rejected")
            )
        )
    if chosen.failed_of is not None:
        failed = select(Message.contact_id).where(
            Message.campaign_id == chosen.failed_of, Message.direction == "outgoing", Message.status.in_(FAILED)
        )
        query = query.where(Contact.id.in_(failed))
    return query


def drop_recipients(session: Session, campaign_id: int) -> None:
    """Forget an earlier plan's recipients."""
    session.execute(delete(Recipient).where(Recipient.campaign_id == campaign_id))


def add_recipients(session: Session, rows: Iterable[PlannedRow]) -> None:
    copy_in(session, COPY_RECIPIENTS, rows)


def planned(session: Session, campaign_id: int) -> int:
    """How many people the plan texts."""
    query = select(func.count()).where(Recipient.campaign_id == campaign_id, Recipient.excluded.is_(None))
    return session.scalar(query) or 0


def planned_texts(session: Session, campaign_id: int, numbers: Collection[str]) -> dict[str, str | None]:
    """What the plan writes to these numbers, by number; without those whom it writes nothing."""
    rows = session.execute(
        select(Recipient.e164, Recipient.body).where(
            Recipient.campaign_id == campaign_id, Recipient.e164.in_(numbers), Recipient.excluded.is_(None)
        )
    )
    return dict(rows.all())


def to_continue(session: Session, *, queued: Collection[int], limit: int) -> list[Published]:
    """Campaigns that are to start, of which a start left messages to make, or a cancellation messages to end; not the
    `queued` ones.

    A cancellation leaves to others what they have locked: for a day it is looked for among the messages.
    """
    waiting = select(literal(1)).where(Message.campaign_id == Campaign.id, Message.status == MessageStatus.PENDING)
    unmade = and_(Campaign.unmade_after.is_not(None), Campaign.status.in_(("running", "paused", "cancelled")))
    just_cancelled = and_(Campaign.status == "cancelled", Campaign.finished_at > PRODUCT_NOW - LOOKED_AT_FOR)
    due = and_(Campaign.status == "scheduled", Campaign.starts_at <= PRODUCT_NOW)
    rows = session.execute(
        select(Campaign.id, Campaign.traceparent)
        .where(or_(unmade, due, and_(just_cancelled, waiting.exists())), is_not_among(Campaign.id, queued))
        .order_by(Campaign.id)
        .limit(limit)
    )
    return [Published(*row) for row in rows]


def some_traces(session: Session, campaign_id: int, *, limit: int) -> Sequence[str | None]:
    """The traceparents of the campaign's first messages."""
    return session.scalars(
        select(Message.traceparent).where(Message.campaign_id == campaign_id).order_by(Message.id).limit(limit)
    ).all()


def queued_between(session: Session, campaign_id: int, *, opens: datetime, closes: datetime) -> int:
    """How many of the campaign's messages were given a slot, or sent, in that time."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Message)
            .where(
                Message.campaign_id == campaign_id,
                Message.direction == "outgoing",
                Message.status != MessageStatus.SKIPPED,
                func.coalesce(Message.submitted_at, Message.not_before).between(opens, closes),
            )
        )
        or 0
    )


def left_between(session: Session, campaign_id: int, *, opens: datetime, closes: datetime) -> int:
    """How many of the campaign's messages were submitted in that time."""
    query = (
        select(func.count())
        .select_from(Message)
        .where(
            Message.campaign_id == campaign_id,
            Message.direction == "outgoing",
            Message.status != MessageStatus.SKIPPED,
            Message.submitted_at.between(opens, closes),
        )
    )
    return session.scalar(query) or 0


def last_slot(session: Session, campaign_id: int, *, opens: datetime, closes: datetime) -> datetime | None:
    """The latest instant given to one of the campaign's messages in that time."""
    return session.scalar(
        select(func.max(Message.not_before)).where(
            Message.campaign_id == campaign_id, Message.not_before.between(opens, closes)
        )
    )


def requeue_missed(session: Session, campaign_id: int, *, due_before: datetime, closes: datetime) -> None:
    """Take the instants back from all that wait, when one of them was due before `due_before`."""
    session.execute(text(REQUEUE_MISSED), {"campaign_id": campaign_id, "due_before": due_before, "closes": closes})


def take_slots_back(session: Session, campaign_id: int, *, closes: datetime) -> None:
    """Take the instants back from all that wait for one before `closes` and are in nobody's hands."""
    session.execute(
        update(Message)
        .where(
            Message.campaign_id == campaign_id,
            Message.status == MessageStatus.PENDING,
            Message.published_at.is_(None),
            Message.lease_until.is_(None),
            Message.not_before < closes,
        )
        .values(not_before=None, updated_at=PRODUCT_NOW)
    )


def queue_next(session: Session, campaign_id: int, slots: Sequence[datetime]) -> int:
    """Give the next unqueued messages their instants, in order; answers how many there were."""
    if not slots:
        return 0
    values = {"campaign_id": campaign_id, "count": len(slots), "slots": list(slots)}
    return count_written(session, text(QUEUE_NEXT), values)


def waiting(session: Session, campaign_id: int) -> int:
    """How many of the campaign's texts have not left: messages that are pending, and people who have none yet."""
    pending = select(func.count()).where(Message.campaign_id == campaign_id, Message.status == MessageStatus.PENDING)
    unmade = (
        select(func.count())
        .select_from(Recipient)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .where(Recipient.campaign_id == campaign_id, Recipient.excluded.is_(None), Recipient.id > Campaign.unmade_after)
    )
    return (session.scalar(pending) or 0) + (session.scalar(unmade) or 0)


def unqueued(session: Session, campaign_id: int, *, before: int | None = None) -> int:
    """How many pending messages wait for a day's batch; with `before`, those that come before this message."""
    query = (
        select(func.count())
        .select_from(Message)
        .where(
            Message.campaign_id == campaign_id,
            Message.status == MessageStatus.PENDING,
            Message.not_before.is_(None),
        )
    )
    if before is not None:
        query = query.where(Message.id < before)
    return session.scalar(query) or 0


def recipients(session: Session, campaign_id: int, *, after: int = 0, limit: int = 100) -> Sequence[Recipient]:
    return session.scalars(
        select(Recipient)
        .where(Recipient.campaign_id == campaign_id, Recipient.id > after)
        .order_by(Recipient.id)
        .limit(limit)
    ).all()
