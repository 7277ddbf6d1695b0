"""What is forgotten with time: bodies soon, identifiers late, the proof of an opt-out last."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.imports import ImportStatus
from services.core.domain.inbox import InboxStatus
from services.core.domain.messages import MessageStatus
from services.core.storage.bulk import count_written, once
from services.core.storage.clock import PRODUCT_NOW
from services.core.storage.models import (
    Agreement,
    Campaign,
    DeadLetter,
    Effect,
    GateDecisionRow,
    HealthReport,
    IdempotencyKey,
    Import,
    ImportRow,
    InboxEvent,
    Look,
    Message,
    Recipient,
    SignInLink,
    TaskRun,
    UserSession,
)

OPEN = (InboxStatus.NEW, InboxStatus.PARKED)
UNDER_WAY = (MessageStatus.PENDING, MessageStatus.SENDING, MessageStatus.UNCERTAIN, MessageStatus.HELD)


def erase_bodies(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Drop the raw bytes and headers of events that were dealt with; their ids stay, so that repeats are still seen."""
    old = (
        select(InboxEvent.id)
        .where(
            InboxEvent.received_at < PRODUCT_NOW - older_than,
            InboxEvent.raw.is_not(None),
            InboxEvent.status.not_in(OPEN),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)  # one row that somebody holds must not stop the night
    )
    return count_written(session, update(InboxEvent).where(InboxEvent.id.in_(once(old))).values(raw=None, headers={}))


def drop_effects(session: Session, *, older_than: timedelta, limit: int) -> int:
    old = select(Effect.effect_key).order_by(Effect.inbox_id).limit(limit)  # they come as their events do
    return count_written(
        session, delete(Effect).where(Effect.effect_key.in_(old), Effect.at < PRODUCT_NOW - older_than)
    )


def drop_task_runs(session: Session, *, older_than: timedelta, limit: int) -> int:
    return _drop_oldest(session, TaskRun, TaskRun.started_at, older_than=older_than, limit=limit)


def drop_decisions(session: Session, *, older_than: timedelta, limit: int) -> int:
    return _drop_oldest(session, GateDecisionRow, GateDecisionRow.at, older_than=older_than, limit=limit)


def drop_health_reports(session: Session, *, older_than: timedelta, limit: int) -> int:
    return _drop_oldest(session, HealthReport, HealthReport.at, older_than=older_than, limit=limit)


def drop_idempotency_keys(session: Session, *, older_than: timedelta, limit: int) -> int:
    old = select(IdempotencyKey.id).where(IdempotencyKey.created_at < PRODUCT_NOW - older_than).limit(limit)
    return count_written(session, delete(IdempotencyKey).where(IdempotencyKey.id.in_(old)))


def drop_sign_in_links(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Drop links that ended so long ago, in real time, as is all that belongs to signing in."""
    old = select(SignInLink.id).where(SignInLink.expires_at < func.now() - older_than).limit(limit)
    return count_written(session, delete(SignInLink).where(SignInLink.id.in_(old)))


def drop_agreements(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Drop codes of agreement that ended so long ago, in real time."""
    old = select(Agreement.id).where(Agreement.expires_at < func.now() - older_than).limit(limit)
    return count_written(session, delete(Agreement).where(Agreement.id.in_(old)))


def drop_user_sessions(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Drop sessions that began so long ago, in real time; they ended within a week."""
    old = select(UserSession.id).where(UserSession.created_at < func.now() - older_than).limit(limit)
    return count_written(session, delete(UserSession).where(UserSession.id.in_(old)))


def erase_texts(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Drop what was said in texts that have come to their end; who, when and how it ended stays."""
    old = (
        select(Message.id)
        .where(
            Message.updated_at < PRODUCT_NOW - older_than,
            Message.body.is_not(None),
            Message.status.not_in(UNDER_WAY),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return count_written(session, update(Message).where(Message.id.in_(once(old))).values(body=None))


def erase_planned_texts(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Blank the texts of plans whose campaigns are over: the messages had them too."""
    over = Campaign.status.in_((CampaignStatus.FINISHED, CampaignStatus.CANCELLED))
    ended_at = func.coalesce(Campaign.finished_at, Campaign.started_at, Campaign.created_at)
    old = (
        select(Recipient.id)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .where(over, ended_at < PRODUCT_NOW - older_than, Recipient.body != "")
        .limit(limit)
        .with_for_update(skip_locked=True, of=Recipient)
    )
    return count_written(session, update(Recipient).where(Recipient.id.in_(once(old))).values(body=""))


def drop_import_rows(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Drop the rows of files that were taken over; the import and its counts stay."""
    is_old = Import.confirmed_at < PRODUCT_NOW - older_than
    return _drop_rows_of(session, (Import.status == ImportStatus.CONFIRMED) & is_old, limit=limit)


def drop_unconfirmed_rows(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Drop the rows of files that were only looked at, or discarded."""
    unconfirmed = Import.status.in_((ImportStatus.DRY_RUN, ImportStatus.CANCELLED))
    return _drop_rows_of(session, unconfirmed & (Import.created_at < PRODUCT_NOW - older_than), limit=limit)


def drop_looks(session: Session, *, older_than: timedelta, limit: int) -> int:
    return _drop_oldest(session, Look, Look.at, older_than=older_than, limit=limit)


def drop_closed_letters(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Drop dead letters that a person replayed or discarded; open ones wait for ever."""
    closed_at = func.coalesce(DeadLetter.replayed_at, DeadLetter.discarded_at)
    old = select(DeadLetter.id).where(closed_at < PRODUCT_NOW - older_than).limit(limit)
    return count_written(session, delete(DeadLetter).where(DeadLetter.id.in_(old)))


def _drop_rows_of(session: Session, imports: ColumnElement[bool], *, limit: int) -> int:
    old = select(ImportRow.id).join(Import, Import.id == ImportRow.import_id).where(imports).limit(limit)
    return count_written(session, delete(ImportRow).where(ImportRow.id.in_(old)))


def _drop_oldest(
    session: Session,
    table: type[GateDecisionRow | HealthReport | Look | TaskRun],
    at: InstrumentedAttribute[datetime],
    *,
    older_than: timedelta,
    limit: int,
) -> int:
    """Of a table that only grows at its end the first rows are the old ones: no index of its times is needed."""
    first = select(table.id).order_by(table.id).limit(limit)
    return count_written(session, delete(table).where(table.id.in_(first), at < PRODUCT_NOW - older_than))
