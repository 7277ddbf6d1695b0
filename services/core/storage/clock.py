"""Product time is the database's clock plus the installation's offset; every due date and gate goes by it."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import DateTime, func, select
from sqlalchemy.orm import Session

STAMP = DateTime(timezone=True)
PRODUCT_NOW = select(func.product_now(type_=STAMP)).scalar_subquery()
"""Product time in a condition: found out once for a statement, so that an index on the time serves. The function is
volatile: written out, it is called for each row that is looked at."""

SKEW_LIMIT = timedelta(seconds=2)
"""Clocks further apart than this are not to be trusted with hours and guards (reliability design, I26)."""


def product_now(session: Session) -> datetime:
    """The current product time, aware, to the microsecond."""
    return session.execute(select(func.product_now(type_=STAMP))).scalar_one()


def real_now(session: Session) -> datetime:
    """The database's own clock: leases go by it, so that they end when real seconds have passed."""
    return session.execute(select(func.clock_timestamp(type_=STAMP))).scalar_one()


def skew(session: Session) -> timedelta:
    """By how much this process's clock and the database's surely differ, the round trip allowed for."""
    before = datetime.now(UTC)
    theirs = real_now(session)
    after = datetime.now(UTC)
    return max(before - theirs, theirs - after, timedelta(0))
