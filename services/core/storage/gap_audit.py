"""What the gap audit compares with the provider: its cursor, the events we have, and the texts without a receipt."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import case, exists, func, or_, select, update
from sqlalchemy.orm import Session

from services.core.domain.inbox import InboxStatus
from services.core.domain.messages import Direction, MessageStatus
from services.core.domain.schedule import RunStatus
from services.core.storage import clock
from services.core.storage.models import Effect, InboxEvent, Installation, Message, ScheduledRun

JOB = "audit_gaps"
RECEIVED = "message.received"
NOW = func.clock_timestamp()
ASK_AGAIN_AFTER = timedelta(minutes=10)


def cursor(session: Session) -> datetime:
    """Up to when the provider's list was compared; before the first audit, when the installation was made.

    Never ahead of now: a clock that ran ahead for a while must not leave the audit blind until that time has come.
    """
    query = select(func.coalesce(Installation.gap_audit_cursor, Installation.created_at))
    return min(session.execute(query).scalar_one(), clock.product_now(session))


def move_cursor(session: Session, to: datetime) -> None:
    """Move the cursor forward; back only from a time that has not come yet."""
    stands = case((Installation.gap_audit_cursor <= func.product_now(), Installation.gap_audit_cursor))
    session.execute(update(Installation).values(gap_audit_cursor=func.greatest(stands, to)))


def received_ids(session: Session, message_ids: Collection[str]) -> set[str]:
    """Those of the provider's incoming messages of which an event took effect or waits to."""
    keys = {f"{RECEIVED}:{id_}": id_ for id_ in message_ids}
    handled = session.scalars(select(Effect.effect_key).where(Effect.effect_key.in_(keys)))
    waiting = session.scalars(
        select(InboxEvent.provider_message_id).where(
            InboxEvent.status == InboxStatus.NEW,
            InboxEvent.event_type == RECEIVED,
            InboxEvent.provider_message_id.in_(message_ids),
        )
    )
    return {keys[key] for key in handled} | {id_ for id_ in waiting if id_ is not None}


def unconfirmed(session: Session, *, limit: int) -> Sequence[InboxEvent]:
    """Quarantined events about a person's text that no other event brought: first those nobody has asked for."""
    took_effect = exists().where(Effect.effect_key == func.concat(f"{RECEIVED}:", InboxEvent.provider_message_id))
    return session.scalars(
        select(InboxEvent)
        .where(
            InboxEvent.status == InboxStatus.QUARANTINED,
            InboxEvent.event_type == RECEIVED,
            InboxEvent.provider_message_id.is_not(None),
            or_(InboxEvent.next_attempt_at.is_(None), InboxEvent.next_attempt_at <= NOW),
            ~took_effect,
        )
        .order_by(InboxEvent.next_attempt_at.nulls_first(), InboxEvent.id)
        .limit(limit)
    ).all()


def ask_later(session: Session, inbox_ids: Sequence[int]) -> None:
    """Let as much time pass again as has passed since each came: after a year it was asked for some sixteen times."""
    waited = func.greatest(func.product_now() - InboxEvent.received_at, ASK_AGAIN_AFTER)
    session.execute(update(InboxEvent).where(InboxEvent.id.in_(inbox_ids)).values(next_attempt_at=NOW + waited))


def outgoing_by_provider_id(session: Session, message_ids: Collection[str]) -> Sequence[Message]:
    """Our texts that the provider has under these ids, by our id."""
    return session.scalars(
        select(Message)
        .where(Message.direction == Direction.OUTGOING, Message.provider_message_id.in_(message_ids))
        .order_by(Message.id)
    ).all()


def without_receipt(session: Session, *, older_than: timedelta, younger_than: timedelta, limit: int) -> Sequence[str]:
    """Provider ids of some texts that should have had their receipt by now; others the next time."""
    now = func.product_now()
    rows = session.scalars(
        select(Message.provider_message_id)
        .where(
            Message.status == MessageStatus.SENT,
            Message.provider_message_id.is_not(None),
            Message.submitted_at.between(now - younger_than, now - older_than),
        )
        .order_by(func.random())
        .limit(limit)
    )
    return [id_ for id_ in rows if id_ is not None]


def stored_deliveries(session: Session, dedupe_keys: Collection[str]) -> set[str]:
    """Those of the keys under which a delivery is stored."""
    return set(session.scalars(select(InboxEvent.dedupe_key).where(InboxEvent.dedupe_key.in_(dedupe_keys))))


def last_run(session: Session) -> ScheduledRun | None:
    """The latest audit that has ended."""
    return session.scalar(
        select(ScheduledRun)
        .where(ScheduledRun.job == JOB, ScheduledRun.status.in_((RunStatus.SUCCEEDED, RunStatus.FAILED)))
        .order_by(ScheduledRun.id.desc())
        .limit(1)
    )
