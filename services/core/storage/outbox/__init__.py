"""The outbox: outgoing messages from `pending` to their outcome. Only the worker takes a lease; every later write
carries the fence that came with it, so that a stale holder changes nothing.

Here messages are chosen, leased, locked and looked at. `make` alone makes their rows, and `life` alone moves them from
one state to another.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Update, func, literal, or_, select, update
from sqlalchemy.orm import Session

from services.core.domain.messages import MessageKind, MessageStatus
from services.core.storage.bulk import count_written, once
from services.core.storage.clock import PRODUCT_NOW
from services.core.storage.models import Campaign, Contact, Message
from services.core.storage.published import is_not_among

NOW = func.clock_timestamp()
UNSENT = (MessageStatus.PENDING, MessageStatus.SENDING, MessageStatus.UNCERTAIN, MessageStatus.HELD)


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A message to be handed to the queue; `dispatches` is how often it was before."""

    message_id: int
    campaign_id: int | None
    ids_per_task: int
    not_before: datetime
    dispatches: int
    traceparent: str | None
    begun_by: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased message: the fence proves the lease."""

    message_id: int
    contact_id: int
    fence: int
    traceparent: str | None


def published_count(session: Session) -> int:
    """How many ids are with the broker, as far as the rows know."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Message)
            .where(Message.status == MessageStatus.PENDING, Message.published_at.is_not(None))
        )
        or 0
    )


def running_campaigns(session: Session) -> Sequence[Campaign]:
    return session.scalars(select(Campaign).where(Campaign.status == "running").order_by(Campaign.id)).all()


def due(
    session: Session, *, campaign_id: int | None, ids_per_task: int, after: datetime | None, limit: int
) -> list[DueMessage]:
    """Lock and return due, unpublished messages of one campaign (or of none), oldest first.

    `after` is a lower bound that keeps the cost flat while index entries of sent rows pile up before the first live
    one; rows locked by others are left to them.
    """
    query = (
        select(Message.id, Message.not_before, Message.dispatches, Message.traceparent, Message.begun_by)
        .where(
            Message.status == MessageStatus.PENDING,
            Message.published_at.is_(None),
            Message.not_before <= PRODUCT_NOW,
            Message.campaign_id == campaign_id if campaign_id is not None else Message.campaign_id.is_(None),
        )
        .order_by(Message.not_before, Message.id)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    if after is not None:
        query = query.where(Message.not_before >= after)
    rows = session.execute(query)
    return [
        DueMessage(id_, campaign_id, ids_per_task, cast(datetime, at), dispatches, traceparent, begun_by)
        for id_, at, dispatches, traceparent, begun_by in rows
    ]


def stamp_published(session: Session, ids: Sequence[int]) -> None:
    """Say that the ids went to the broker; the rows must be locked by this transaction."""
    stamp = {"published_at": NOW, "dispatches": Message.dispatches + 1}
    session.execute(update(Message).where(Message.id.in_(ids)).values(**stamp))


def unpublish(session: Session, ids: Sequence[int]) -> None:
    """Take the stamp back: the broker didn't take the ids, the next dispatch will try again."""
    session.execute(
        update(Message)
        .where(Message.id.in_(ids), Message.status == MessageStatus.PENDING, Message.lease_until.is_(None))
        .values(published_at=None)
    )


def unpublish_stale(
    session: Session, *, queued: Collection[int], published_before: timedelta, limit: int = 1000
) -> int:
    """Give back to dispatch what went to the broker, is not among the `queued`, and is leased by nobody any more."""
    stale = (
        select(Message.id)
        .where(
            Message.status == MessageStatus.PENDING,
            Message.published_at < NOW - published_before,
            or_(Message.lease_until.is_(None), Message.lease_until < NOW),
            is_not_among(Message.id, queued),
        )
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return count_written(
        session, update(Message).where(Message.id.in_(once(stale))).values(published_at=None, lease_until=None)
    )


def claim(session: Session, ids: Sequence[int], *, lease: timedelta) -> list[Claim]:
    """Lease those of the ids that are due, pending and free; the others are somebody else's or done."""
    free = (
        select(Message.id)
        .where(
            Message.id.in_(ids),
            Message.status == MessageStatus.PENDING,
            Message.not_before <= PRODUCT_NOW,
            or_(Message.lease_until.is_(None), Message.lease_until < NOW),
        )
        .with_for_update(skip_locked=True, key_share=True)
    )
    rows = session.execute(
        update(Message)
        .where(Message.id.in_(free))
        .values(lease_until=NOW + lease, fence=Message.fence + 1)
        .returning(Message.id, Message.contact_id, Message.fence, Message.traceparent)
    )
    claims = (Claim(id_, cast(int, contact_id), fence, traceparent) for id_, contact_id, fence, traceparent in rows)
    return sorted(claims, key=_by_id)


def release(session: Session, claims: Sequence[Claim]) -> None:
    """End leases without an attempt; the messages go back to dispatch at once."""
    for held in claims:
        session.execute(
            _under_fence(held.message_id, held.fence, MessageStatus.PENDING).values(lease_until=None, published_at=None)
        )


def lock_leased(session: Session, held: Claim) -> Message | None:
    """The message, locked, if the fence is still ours and the lease still runs."""
    return session.scalar(
        select(Message)
        .where(
            Message.id == held.message_id,
            Message.status == MessageStatus.PENDING,
            Message.fence == held.fence,
            Message.lease_until > NOW,
        )
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def unsent_to(session: Session, *, sender: str, contact_id: int) -> Sequence[Message]:
    """Locked: the contact's texts from this sender of which the provider's id is not known, oldest first."""
    return session.scalars(
        select(Message)
        .where(
            Message.contact_id == contact_id,
            Message.sender == sender,
            Message.status.in_(UNSENT),
            Message.provider_message_id.is_(None),
        )
        .order_by(Message.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def pending_to(session: Session, numbers: Collection[str], *, sender: str) -> Sequence[Message]:
    """Texts that wait to be sent from this sender to these numbers."""
    return session.scalars(
        select(Message)
        .join(Contact, Contact.id == Message.contact_id)
        .where(
            Contact.e164.in_(numbers),
            Message.sender == sender,
            Message.status == MessageStatus.PENDING,
            Message.provider_message_id.is_(None),
        )
        .order_by(Message.id)
    ).all()


def lock_for_outcome(session: Session, message_id: int, *, fence: int) -> Message | None:
    """The message, locked, if this fence's attempt is still the open one (`sending` or already `uncertain`)."""
    return session.scalar(
        select(Message)
        .where(
            Message.id == message_id,
            Message.fence == fence,
            Message.status.in_((MessageStatus.SENDING, MessageStatus.UNCERTAIN)),
        )
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def lock(session: Session, message_id: int) -> Message | None:
    return session.scalar(
        select(Message)
        .where(Message.id == message_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def lock_by_provider_id(session: Session, provider_message_id: str) -> Message | None:
    return session.scalar(
        select(Message)
        .where(Message.provider_message_id == provider_message_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def in_flight_to(session: Session, *, sender: str, e164: str, apart_from: int) -> bool:
    """Whether another text to this person is submitted or of unknown outcome."""
    return (
        session.scalar(
            select(literal(1))
            .where(
                Message.sender == sender,
                Message.e164 == e164,
                Message.id != apart_from,
                Message.status.in_((MessageStatus.SENDING, MessageStatus.UNCERTAIN)),
            )
            .limit(1)
        )
        is not None
    )


def last_marketing_at(session: Session, *, contact_id: int, apart_from: int) -> datetime | None:
    """When the contact was last sent a marketing text, or may have been."""
    return session.scalar(
        select(func.max(Message.submitted_at)).where(
            Message.contact_id == contact_id,
            Message.id != apart_from,
            Message.kind == MessageKind.MARKETING,
            Message.submitted_at.is_not(None),
        )
    )


def last_marketing_of(session: Session, contact_ids: Sequence[int]) -> dict[int, datetime]:
    """When each of the contacts was last sent a marketing text, or may have been; without those that never were."""
    rows = session.execute(
        select(Message.contact_id, func.max(Message.submitted_at))
        .where(
            Message.contact_id.in_(contact_ids),
            Message.kind == MessageKind.MARKETING,
            Message.submitted_at.is_not(None),
        )
        .group_by(Message.contact_id)
    )
    return {cast(int, contact_id): cast(datetime, at) for contact_id, at in rows}


def orphans(session: Session, *, limit: int = 500) -> Sequence[Message]:
    """Messages in `sending` whose lease ran out: their worker died or hangs, so their outcome is unknown. Locked."""
    return session.scalars(
        select(Message)
        .where(Message.status == MessageStatus.SENDING, Message.lease_until < NOW)
        .order_by(Message.id)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()


def settle_ended_campaigns(session: Session) -> list[int]:
    """Finish running campaigns of which every message is final or with the provider; their ids."""
    open_messages = select(literal(1)).where(
        Message.campaign_id == Campaign.id,
        Message.status.in_((MessageStatus.PENDING, MessageStatus.SENDING, MessageStatus.UNCERTAIN, MessageStatus.HELD)),
    )
    return list(
        session.scalars(
            update(Campaign)
            .where(Campaign.status == "running", Campaign.unmade_after.is_(None), ~open_messages.exists())
            .values(status="finished", finished_at=func.product_now(), version=Campaign.version + 1)
            .returning(Campaign.id)
        )
    )


def depth(session: Session) -> dict[str, int]:
    """Outgoing messages by state."""
    rows = session.execute(
        select(Message.status, func.count()).where(Message.direction == "outgoing").group_by(Message.status)
    )
    return dict(rows.all())


def _by_id(claim: Claim) -> int:
    return claim.message_id


def _under_fence(message_id: int, fence: int, status: MessageStatus) -> Update:
    return update(Message).where(Message.id == message_id, Message.fence == fence, Message.status == status)
