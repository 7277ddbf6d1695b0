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

    def now(self, *, fresh: bool = False) -> datetime:
        """Product time; with `fresh`, read from the database now. Raises `DatabaseUnavailable`."""
        with self._lock:
            product_at, read_at = self._product_at, self._read_at
        if product_at is None or fresh or monotonic() - read_at > FRESH_SECONDS:
            with self._database.reading() as session:
                product_at, read_at = clock.product_now(session), monotonic()
            with self._lock:
                self._product_at, self._read_at = product_at, read_at
        return product_at + timedelta(seconds=monotonic() - read_at)
