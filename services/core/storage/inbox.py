"""The inbox: each delivery stored once, handled once, and counted before it is handled."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, defer

from services.core.domain.inbox import EventReason, InboxStatus
from services.core.runtime import metering
from services.core.storage.clock import PRODUCT_NOW
from services.core.storage.instruments import EVENTS
from services.core.storage.models import Effect, InboxEvent, Message
from services.core.storage.published import Published

NOW = func.clock_timestamp()
OTHER_BODY = "other_body_under_one_delivery_id"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is stored of one webhook delivery; `dedupe_key` and the body's hash together are unique."""

    scheme: str
    dedupe_key: str
    body_hash: bytes
    delivery_id: str | None
    event_id: str | None
    event_type: str | None
    key_id: str | None
    signed_at: datetime | None
    raw: bytes
    headers: dict[str, Any]
    status: InboxStatus
    reason: str | None
    provider_message_id: str | None
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A new row: what it waits for, and why if not for its turn."""

    inbox_id: int
    status: InboxStatus
    reason: str | None


COLUMNS = dict.fromkeys(Delivery.__slots__, "text") | {
    "body_hash": "bytea",
    "raw": "bytea",
    "headers": "jsonb",
    "signed_at": "timestamptz",
}
AS_GIVEN = [name for name in COLUMNS if name not in ("status", "reason")]
# Written out, and one text for one delivery and for a hundred, so that neither side compiles or plans it anew.
STORE = text(f"""
    INSERT INTO inbox ({", ".join(AS_GIVEN)}, status, reason)
    SELECT {", ".join(f"given.{name}" for name in AS_GIVEN)},
           CASE WHEN earlier.has_other_body THEN '{InboxStatus.QUARANTINED}' ELSE given.status END,
           CASE WHEN earlier.has_other_body THEN '{OTHER_BODY}' ELSE given.reason END
    FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in COLUMNS.items())})
        AS given ({", ".join(COLUMNS)})
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM inbox WHERE dedupe_key = given.dedupe_key AND body_hash <> given.body_hash
        ) AS has_other_body
    ) AS earlier
    ON CONFLICT (dedupe_key, body_hash) DO NOTHING
    RETURNING dedupe_key, body_hash, id, status, reason
""")  # noqa: S608 - column names and states are ours


def store(session: Session, deliveries: Sequence[Delivery]) -> list[Stored | None]:
    """Store the deliveries in one statement; what became of each, `None` where the very same one is stored already.

    One that came before with another body is set aside.
    """
    bodies: dict[str, bytes] = {}
    given = [
        replace(delivery, status=InboxStatus.QUARANTINED, reason=OTHER_BODY)
        if bodies.setdefault(delivery.dedupe_key, delivery.body_hash) != delivery.body_hash
        else delivery
        for delivery in deliveries
    ]
    values = {name: [getattr(delivery, name) for delivery in given] for name in COLUMNS}
    values["headers"] = [json.dumps(headers) for headers in values["headers"]]
    rows = {
        (dedupe_key, body_hash): Stored(inbox_id, InboxStatus(status), reason)
        for dedupe_key, body_hash, inbox_id, status, reason in session.execute(STORE, values)
    }
    for row in rows.values():
        if row.status is not InboxStatus.NEW:
            metering.count(EVENTS, row.status)
    return [rows.pop((delivery.dedupe_key, delivery.body_hash), None) for delivery in deliveries]


def claim(session: Session, inbox_id: int, *, lease: timedelta) -> InboxEvent | None:
    """Lease a new, due event and count the attempt now, so that a crash counts too; `None` when there is none."""
    return session.scalar(
        update(InboxEvent)
        .where(
            InboxEvent.id == inbox_id,
            InboxEvent.status == InboxStatus.NEW,
            or_(InboxEvent.lease_until.is_(None), InboxEvent.lease_until < NOW),
            or_(InboxEvent.next_attempt_at.is_(None), InboxEvent.next_attempt_at <= NOW),
        )
        .values(lease_until=NOW + lease, attempts=InboxEvent.attempts + 1, deaths=InboxEvent.deaths + 1)
        .returning(InboxEvent)
        .execution_options(populate_existing=True)
    )


def lock_claimed(session: Session, event: InboxEvent) -> InboxEvent | None:
    """The row, locked, if the claim's attempt is still the latest."""
    return session.scalar(
        select(InboxEvent)
        .where(
            InboxEvent.id == event.id,
            InboxEvent.status == InboxStatus.NEW,
            InboxEvent.attempts == event.attempts,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def finish(event: InboxEvent, status: InboxStatus, *, at: datetime, reason: str | None = None) -> None:
    """Close a locked event with what became of it; a parked one waits, and its attempt ended in order."""
    event.status = status
    event.reason = reason
    event.lease_until = None
    metering.count(EVENTS, status)
    if status is InboxStatus.DEAD:
        event.dead_at = at
    elif status is InboxStatus.PARKED:
        event.deaths = 0
    else:
        event.handled_at = at


def retry_later(event: InboxEvent, *, at: datetime, reason: str) -> None:
    """Let a locked event wait; this attempt ended in order, so it is no death."""
    event.next_attempt_at = at
    event.lease_until = None
    event.deaths -= 1
    event.reason = reason


def first_effect(session: Session, effect_key: str, *, inbox_id: int) -> bool:
    """Take the effect's key; False when an earlier event had this very effect."""
    return (
        session.scalar(
            insert(Effect)
            .values(effect_key=effect_key, inbox_id=inbox_id)
            .on_conflict_do_nothing()
            .returning(Effect.inbox_id)
        )
        is not None
    )


def release_effect(session: Session, effect_key: str) -> None:
    """Give the key back: the event is parked and its effect is still to come."""
    effect = session.get(Effect, effect_key)
    if effect is not None:
        session.delete(effect)
        session.flush()


def wake_parked(session: Session, provider_message_id: str) -> None:
    """Let parked events about this message be handled: it is known now."""
    session.execute(
        update(InboxEvent)
        .where(InboxEvent.provider_message_id == provider_message_id, InboxEvent.status == InboxStatus.PARKED)
        .values(status=InboxStatus.NEW, next_attempt_at=None)
    )


def wake_matched(session: Session) -> int:
    """Let parked events be handled whose message was bound while they were being parked; how many."""
    bound = select(Message.id).where(Message.provider_message_id == InboxEvent.provider_message_id)
    woken = session.scalars(
        update(InboxEvent)
        .where(InboxEvent.status == InboxStatus.PARKED, bound.exists())
        .values(status=InboxStatus.NEW, next_attempt_at=None)
        .returning(InboxEvent.id)
    )
    return len(woken.all())


def unpublished(
    session: Session, *, queued: Collection[int], received_before: timedelta, limit: int
) -> list[Published]:
    """The oldest new, due events that nobody works on and whose ids are not among the `queued`."""
    due = (
        select(InboxEvent.id, InboxEvent.traceparent)
        .where(
            InboxEvent.status == InboxStatus.NEW,
            InboxEvent.received_at < PRODUCT_NOW - received_before,
            or_(InboxEvent.lease_until.is_(None), InboxEvent.lease_until < NOW),
            or_(InboxEvent.next_attempt_at.is_(None), InboxEvent.next_attempt_at <= NOW),
        )
        .order_by(InboxEvent.id)
        .limit(limit + len(queued))
    )
    return [Published(*row) for row in session.execute(due) if row.id not in queued][:limit]


def give_up_parked(session: Session, *, older_than: timedelta) -> Sequence[int]:
    """Let events that waited too long for their message be handled once more, as unmatched ones."""
    return session.scalars(
        update(InboxEvent)
        .where(
            InboxEvent.status == InboxStatus.PARKED,
            InboxEvent.received_at < PRODUCT_NOW - older_than,
        )
        .values(status=InboxStatus.IGNORED, reason=EventReason.NO_SUCH_MESSAGE, handled_at=func.product_now())
        .returning(InboxEvent.id)
    ).all()


def revive(session: Session, inbox_id: int) -> None:
    """Let a dead event be handled once more, with all its attempts before it."""
    session.execute(
        update(InboxEvent)
        .where(InboxEvent.id == inbox_id, InboxEvent.status == InboxStatus.DEAD)
        .values(status=InboxStatus.NEW, attempts=0, deaths=0, dead_at=None, next_attempt_at=None, lease_until=None)
    )


def reopen(event: InboxEvent, *, event_id: str | None, event_type: str, provider_message_id: str | None) -> None:
    """Let a locked event that was set aside be handled, under the names that it is understood by now."""
    event.status = InboxStatus.NEW
    event.event_id, event.event_type, event.provider_message_id = event_id, event_type, provider_message_id
    event.attempts = event.deaths = 0
    event.reason = event.next_attempt_at = event.lease_until = event.handled_at = None


def find(session: Session, inbox_id: int) -> InboxEvent | None:
    return session.get(InboxEvent, inbox_id)


def lock(session: Session, inbox_id: int) -> InboxEvent | None:
    return session.scalar(
        select(InboxEvent).where(InboxEvent.id == inbox_id).with_for_update().execution_options(populate_existing=True)
    )


def page(session: Session, *, status: InboxStatus | None, after: int, limit: int) -> Sequence[InboxEvent]:
    """Events by id, those of one state or all, without their bodies."""
    query = select(InboxEvent).options(defer(InboxEvent.raw, raiseload=True))
    query = query.where(InboxEvent.id > after).order_by(InboxEvent.id).limit(limit)
    return session.scalars(query.where(InboxEvent.status == status) if status else query).all()


def by_status(session: Session) -> dict[str, int]:
    """Events by state."""
    return dict(session.execute(select(InboxEvent.status, func.count()).group_by(InboxEvent.status)).all())
