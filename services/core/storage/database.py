"""Connections and sessions: the one place that knows how we talk to PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import errors as pg
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from services.core.domain.failures import RetryableError

__all__ = ["Database", "DatabaseUnavailable", "DurabilityWeakened", "Session"]

CONNECT_TIMEOUT_SECONDS = 2
DEAD_PEER = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A server that vanished without a word is noticed in half a minute while idle (seconds), in ten seconds while it
should acknowledge what was sent (milliseconds); the system's own values are hours."""

POOL_TIMEOUT_SECONDS = 2
LOCK_TIMEOUT = "2s"
STATEMENT_TIMEOUT = "30s"
SETTINGS_THAT_MUST_BE_ON = ("fsync", "full_page_writes", "synchronous_commit")


REFUSING_WRITES = (pg.AdminShutdown, pg.DiskFull, pg.ReadOnlySqlTransaction)
"""Servers that end, are full, or were made a standby while we were connected."""


class DatabaseUnavailable(RetryableError):
    """PostgreSQL cannot be reached, is starting or ending, is full, or answers too slowly; nothing was done."""


class DurabilityWeakened(Exception):
    """The server may lose committed rows, so nothing may be accepted on it."""


class Database:
    """A pool of connections to one database, one per process; made after a fork, never shared across it."""

    def __init__(self, url: str, *, pool_size: int = 5, application: str = "attackacrack") -> None:
        self.engine = _engine(url, pool_size=pool_size, application=application)
        # A session that is used after its block would hold a connection that nobody gives back: it raises instead.
        self._sessions = sessionmaker(self.engine, expire_on_commit=False, close_resets_only=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One unit of work: committed at the end of the block, rolled back when it raises.

        Raises `DatabaseUnavailable` for every failure that is the server's and not the statement's.
        """
        with self._translated(), self._sessions.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A read-only look; nothing in it is committed."""
        with self._translated(), self._sessions() as session:
            session.execute(text("SET TRANSACTION READ ONLY"))
            yield session

    def check_durability(self) -> None:
        """Raise `DurabilityWeakened` unless every commit is on disk before it is answered."""
        with self.reading() as session:
            for name in SETTINGS_THAT_MUST_BE_ON:
                value = session.scalar(text(f"SHOW {name}"))
                if value == "off":
                    raise DurabilityWeakened(f"PostgreSQL runs with {name} = off: turn it on, or rows can be lost")

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise DatabaseUnavailable(type(getattr(error, "orig", None) or error).__name__) from error
        except DBAPIError as error:
            if error.connection_invalidated or isinstance(error.orig, REFUSING_WRITES):
                raise DatabaseUnavailable(type(error.orig).__name__) from error
            raise


def _engine(url: str, *, pool_size: int, application: str) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,  # they are numbers, names and texts, and an error's text goes into logs
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": application} | DEAD_PEER,
    )

    @event.listens_for(engine, "connect")
    def set_timeouts(connection, _record) -> None:  # type: ignore[no-untyped-def]
        connection.autocommit = True
        connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
        connection.execute("SET idle_in_transaction_session_timeout = '60s'")
        connection.autocommit = False

    return engine
