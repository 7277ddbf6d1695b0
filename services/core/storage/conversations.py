"""Conversations: what a person and we wrote to each other, over all campaigns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session, aliased

from services.core.domain.messages import Direction, MessageStatus
from services.core.domain.send_gate import Reason
from services.core.storage.models import AuditEntry, Contact, GateDecisionRow, Message

REPLIED = "conversation.replied"


@dataclass(frozen=True, slots=True)
class ConversationRow:
    contact: Contact
    last: Message
    incoming: int


def page(session: Session, *, before: int | None, limit: int) -> Sequence[ConversationRow]:
    """Contacts who have written to us, the one with the latest message first; `before` is that message's id."""
    wrote = select(Message.contact_id).where(Message.direction == Direction.INCOMING)
    grouped = (
        select(
            func.max(Message.id).label("last_id"),
            func.count().filter(Message.direction == Direction.INCOMING).label("incoming"),
        )
        .where(Message.contact_id.in_(wrote), Message.status != MessageStatus.SKIPPED)
        .group_by(Message.contact_id)
        .subquery()
    )
    last = aliased(Message)
    query: Select[Contact, Message, int] = (
        select(Contact, last, grouped.c.incoming)
        .join(last, last.id == grouped.c.last_id)
        .join(Contact, Contact.id == last.contact_id)
        .where(Contact.erased_at.is_(None))
        .order_by(grouped.c.last_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(grouped.c.last_id < before)
    return [ConversationRow(row[0], row[1], row[2]) for row in session.execute(query)]


def texts(session: Session, contact_id: int, *, before: int | None, limit: int) -> Sequence[Message]:
    """The contact's messages of both directions, the latest first."""
    query = select(Message).where(Message.contact_id == contact_id).order_by(Message.id.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(Message.id < before)).all()


def has_written(session: Session, contact_id: int) -> bool:
    written = select(Message.id).where(Message.contact_id == contact_id, Message.direction == Direction.INCOMING)
    return session.scalar(written.limit(1)) is not None


def reply_by_key(session: Session, contact_id: int, key: str) -> int | None:
    """The id of the message that a reply with this key became; the contact must be locked."""
    found = session.scalar(
        select(AuditEntry.detail).where(
            AuditEntry.subject == "contact",
            AuditEntry.subject_id == contact_id,
            AuditEntry.act == REPLIED,
            AuditEntry.detail["key"].astext == key,
        )
    )
    return None if found is None else int(found["message_id"])


def requeue_paused(session: Session, contact_id: int, *, at: datetime) -> int:
    """Let the contact's messages be sent that only the pause had stopped; how many."""
    rows = session.scalars(
        update(Message)
        .where(
            Message.contact_id == contact_id,
            Message.status == MessageStatus.PENDING,
            Message.not_before.is_(None),
            _last_reason() == Reason.PAUSED_FOR_REVIEW,
        )
        .values(not_before=at, published_at=None, updated_at=at)
        .returning(Message.id)
    )
    return len(rows.all())


def _last_reason() -> ColumnElement[str]:
    """Why the gate stopped the message the last time."""
    return (
        select(GateDecisionRow.reason)
        .where(GateDecisionRow.message_id == Message.id)
        .order_by(GateDecisionRow.id.desc())
        .limit(1)
        .correlate(Message)
        .scalar_subquery()
    )
