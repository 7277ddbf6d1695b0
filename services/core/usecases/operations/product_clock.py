"""Product time without a query for every look: read anew each second, and before it decides against anybody."""

from datetime import datetime, timedelta
from threading import Lock
from time import monotonic

from services.core.storage import clock
from services.core.storage.database import Database

FRESH = timedelta(seconds=1)
KNOWN = timedelta(seconds=60)
"""For so long our clock and the database's run alike; only a person moves product time, and only a simulated one."""


class ProductClock:
    """The database's product time, carried on by this process's monotonic clock; safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._read_at = 0.0
        self._product_at: datetime | None = None

    def carried_on(self, *, within: timedelta = FRESH) -> datetime | None:
        """Product time without a look at the database; `None` when the last look is longer ago than that."""
        with self._lock:
            product_at, since = self._product_at, timedelta(seconds=monotonic() - self._read_at)
        return product_at + since if product_at is not None and since <= within else None

    def read(self) -> datetime:
        """Product time, read from the database now. Raises `DatabaseUnavailable`."""
        with self._database.reading() as session:
            product_at, read_at = clock.product_now(session), monotonic()
        with self._lock:
            self._product_at, self._read_at = product_at, read_at
        return product_at
