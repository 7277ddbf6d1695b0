"""How many held messages were released: from a number on, two people must agree."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.core.storage.models import AuditEntry

ACT = "message.released"
RELEASING = 0x72656C65  # the advisory lock's key, "rele"


def count(session: Session, *, since: datetime) -> int:
    """The releases of all since an instant of product time: who has many names or tokens has no more of them.

    Whoever counts next waits for the end of this transaction.
    """
    session.execute(select(func.pg_advisory_xact_lock(RELEASING)))
    query = select(func.count()).where(AuditEntry.act == ACT, AuditEntry.at >= since)
    return session.scalar(query.select_from(AuditEntry)) or 0
