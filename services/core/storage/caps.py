"""Caps: counters per day that no transaction can push above their limit."""

from datetime import date

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.core.storage.models import CapCounter


class CapReached(Exception):
    """The counter stands at its limit; nothing was counted."""


def used(session: Session, scope: str, day: date) -> int:
    """What is counted in `scope` on `day`."""
    return session.scalar(select(CapCounter.used).where(CapCounter.scope == scope, CapCounter.day == day)) or 0


def take(session: Session, scope: str, day: date, *, limit: int) -> None:
    """Count one more, under the limit; raises `CapReached`. The predicate is in the update, so no race passes it."""
    counted = session.scalar(
        insert(CapCounter)
        .values(scope=scope, day=day, used=1)
        .on_conflict_do_update(
            index_elements=["scope", "day"],
            set_={"used": CapCounter.used + 1},
            where=CapCounter.used < limit,
        )
        .returning(CapCounter.used)
    )
    if counted is None:
        raise CapReached(scope)


def give_back(session: Session, scope: str, day: date) -> None:
    """Uncount one: it is proven that nothing was sent."""
    session.execute(
        update(CapCounter)
        .where(CapCounter.scope == scope, CapCounter.day == day, CapCounter.used > 0)
        .values(used=CapCounter.used - 1)
    )
