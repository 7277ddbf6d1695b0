"""Product time without a query for every look: good to a second, and read anew before it decides against anybody."""

from datetime import datetime, timedelta
from threading import Lock
from time import monotonic

from services.core.storage import clock
from services.core.storage.database import Database

FRESH_SECONDS = 1.0


class ProductClock:
    """The database's product time, carried on by this process's monotonic clock; safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._read_at = float("-inf")
        self._product_at: datetime | None = None

    def carried_on(self) -> datetime | None:
        """Product time without a look at the database; `None` when the last look is too long ago."""
        with self._lock:
            product_at, since = self._product_at, monotonic() - self._read_at
        return product_at + timedelta(seconds=since) if product_at and since <= FRESH_SECONDS else None

    def read(self) -> datetime:
        """Product time, read from the database now. Raises `DatabaseUnavailable`."""
        with self._database.reading() as session:
            product_at, read_at = clock.product_now(session), monotonic()
        with self._lock:
            self._product_at, self._read_at = product_at, read_at
        return product_at
