"""Product time is the database's clock plus the installation's offset; every due date and gate goes by it."""

from datetime import datetime

from sqlalchemy import DateTime, func, select
from sqlalchemy.orm import Session

STAMP = DateTime(timezone=True)


def product_now(session: Session) -> datetime:
    """The current product time, aware, to the microsecond."""
    return session.execute(select(func.product_now(type_=STAMP))).scalar_one()


def real_now(session: Session) -> datetime:
    """The database's own clock: leases go by it, so that they end when real seconds have passed."""
    return session.execute(select(func.clock_timestamp(type_=STAMP))).scalar_one()
