"""The record of who did what; written in the transaction of the act itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.core.runtime import origin, tracing
from services.core.storage.models import AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which entries are meant: what is `None` is not asked for. `since` counts, `until` does not."""

    actor: str | None = None
    act: str | None = None
    subject: str | None = None
    subject_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def record(
    session: Session,
    *,
    actor: str,
    act: str,
    subject: str,
    subject_id: int | None = None,
    detail: dict[str, Any] | None = None,
    address: str | None = None,
) -> None:
    """Add one entry, with the act's trace and where it comes from, which is `address` where that is known.

    `detail` holds ids, counts and reasons, never a number, name or text.
    """
    session.add(
        AuditEntry(
            actor=actor,
            act=act,
            subject=subject,
            subject_id=subject_id,
            detail=detail or {},
            traceparent=tracing.traceparent(),
            address=address or origin.address(),
        )
    )


def entries(session: Session, *, subject: str, subject_id: int | None = None) -> Sequence[AuditEntry]:
    """A subject's entries, oldest first."""
    query = select(AuditEntry).where(AuditEntry.subject == subject).order_by(AuditEntry.id)
    if subject_id is not None:
        query = query.where(AuditEntry.subject_id == subject_id)
    return session.scalars(query).all()


def newest(session: Session, chosen: Chosen, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
    """The chosen entries, newest first; those of a page that follows are below the id `before`."""
    equal = {name: getattr(chosen, name) for name in ("actor", "act", "subject", "subject_id")}
    query = select(AuditEntry).filter_by(**{name: value for name, value in equal.items() if value is not None})
    if chosen.since is not None:
        query = query.where(AuditEntry.at >= chosen.since)
    if chosen.until is not None:
        query = query.where(AuditEntry.at < chosen.until)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit)).all()
