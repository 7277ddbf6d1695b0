"""The record of who did what; written in the transaction of the act itself."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.core.runtime import tracing
from services.core.storage.models import AuditEntry


def record(
    session: Session,
    *,
    actor: str,
    act: str,
    subject: str,
    subject_id: int | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add one entry, with the act's trace. `detail` holds ids, counts and reasons, never a number, name or text."""
    session.add(
        AuditEntry(
            actor=actor,
            act=act,
            subject=subject,
            subject_id=subject_id,
            detail=detail or {},
            traceparent=tracing.traceparent(),
        )
    )


def entries(session: Session, *, subject: str, subject_id: int | None = None) -> Sequence[AuditEntry]:
    """A subject's entries, oldest first."""
    query = select(AuditEntry).where(AuditEntry.subject == subject).order_by(AuditEntry.id)
    if subject_id is not None:
        query = query.where(AuditEntry.subject_id == subject_id)
    return session.scalars(query).all()
