"""How many held messages a person has released: from a number on, a second person must agree."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.core.storage.models import AuditEntry

ACT = "message.released"


def count_by(session: Session, actor: str, *, since: datetime) -> int:
    """The releases of one person since an instant of product time."""
    query = select(func.count()).where(AuditEntry.act == ACT, AuditEntry.actor == actor, AuditEntry.at >= since)
    return session.scalar(query.select_from(AuditEntry)) or 0
