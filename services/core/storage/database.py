"""Connections and sessions: the one place that knows how we talk to PostgreSQL.

A connection is to a server that takes writes, and to that server itself. Whatever says otherwise later condemns it,
and every other that the process had before: a failover is over for us when the address leads to a primary again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as pg
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from services.core.domain.failures import MadeAtOnce, RetryableError
from services.core.storage.server_errors import DIRECT, condemns, refusal_of

__all__ = [
    "DataRefused",
    "Database",
    "DatabaseRefused",
    "DatabaseUnavailable",
    "DurabilityWeakened",
    "RightMissing",
    "RowLocked",
    "Session",
]

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
PROGRAM_LIMITS = "54"
"""The class of what is too much for a statement, a row or an index: the driver calls it operational, yet it is data."""

TIMEOUTS = "SET lock_timeout = '2s'; SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'"
SETTINGS_THAT_MUST_BE_ON = ("fsync", "full_page_writes", "synchronous_commit")
READ_ONLY_WHEN_ON = ("in_hot_standby", "default_transaction_read_only")
"""What a server reports by itself, at the beginning of a session and when it changes."""

LOCKED = (pg.LockNotAvailable, pg.DeadlockDetected)
SETTING = "ATTACKACRACK_DATABASE_URL"


class DatabaseUnavailable(RetryableError):
    """PostgreSQL cannot be reached, is starting or ending, is full, or answers too slowly; nothing was done."""


class DatabaseRefused(DatabaseUnavailable):
    """As the settings are it never will: the text names the setting and what to change."""

    def __init__(self, remedy: str) -> None:
        super().__init__(f"{SETTING}: {remedy}")


class RowLocked(DatabaseUnavailable):
    """Another works on the same row, and still did when we had waited for it; nothing was done."""


class DataRefused(Exception):
    """PostgreSQL can't hold what it was given, such as a key too long for its index; trying again will not help."""

    retryable = False


class RightMissing(Exception):
    """The user of the database may not do what its role needs; the text says what, and who can allow it."""


class DurabilityWeakened(Exception):
    """The server may lose committed rows, so nothing may be accepted on it."""


class Database:
    """A pool of connections to one database, one per process; made after a fork, never shared across it."""

    def __init__(self, url: str, *, pool_size: int = 5, application: str = "attackacrack") -> None:
        self.engine = make_engine(url, pool_size=pool_size, application=application)
        # A session that is used after its block would hold a connection that nobody gives back: it raises instead.
        self._sessions = sessionmaker(self.engine, expire_on_commit=False, close_resets_only=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One unit of work: committed at the end of the block, rolled back when it raises.

        Raises `DatabaseUnavailable` for every failure that is the server's and not the statement's, `RowLocked` where
        another's work was in the way, `MadeAtOnce` where another made the same, `RightMissing` where the user lacks
        one.
        """
        with translating(), self._sessions.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A read-only look; nothing in it is committed."""
        with translating(), self._sessions() as session:
            session.execute(text("SET TRANSACTION READ ONLY"))
            yield session

    def check_durability(self) -> None:
        """Raise `DurabilityWeakened` unless every commit is on disk before it is answered."""
        with self.reading() as session:
            for name in SETTINGS_THAT_MUST_BE_ON:
                value = session.scalar(text(f"SHOW {name}"))
                if value == "off":
                    raise DurabilityWeakened(f"PostgreSQL runs with {name} = off: turn it on, or rows can be lost")

    def check_writable(self) -> None:
        """Commit something to disk that leaves no row. Raises `DatabaseUnavailable` where that can't be done."""
        with self.transaction() as session:
            session.execute(text("SELECT pg_logical_emit_message(true, 'attackacrack', 'ready')"))

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def translating() -> Iterator[None]:
    """Raises what `Database.transaction` names, for what is not the statement's own fault."""
    try:
        yield
    except (DBAPIError, PoolTimeout, psycopg.Error) as error:
        told = _told(error)
        if told is None:
            raise
        raise told from error


def _told(error: DBAPIError | PoolTimeout | psycopg.Error) -> Exception | None:
    origin = error.orig if isinstance(error, DBAPIError) else error
    if remedy := refusal_of(origin):
        return DatabaseRefused(remedy)
    if isinstance(origin, pg.UniqueViolation):
        return MadeAtOnce()
    if isinstance(origin, LOCKED):
        return RowLocked(type(origin).__name__)
    if isinstance(origin, pg.InsufficientPrivilege):
        return RightMissing(f"{SETTING}: {origin.diag.message_primary}: its owner runs attackacrack schema grants")
    if str(getattr(origin, "sqlstate", "")).startswith(PROGRAM_LIMITS):
        return DataRefused(type(origin).__name__)
    passing = isinstance(error, OperationalError | InterfaceError | PoolTimeout | psycopg.OperationalError)
    if passing or condemns(origin) or isinstance(origin, pg.DiskFull):
        return DatabaseUnavailable(type(origin).__name__)
    return None


def make_engine(url: str, *, pool_size: int, application: str) -> Engine:
    """The way to a server that takes writes. To connect raises `DatabaseRefused` where a pooler stands between."""
    engine = create_engine(
        url,
        hide_parameters=True,  # they are numbers, names and texts, and an error's text goes into logs
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": application,
            "target_session_attrs": "read-write",
        }
        | DEAD_PEER,
    )
    event.listen(engine, "connect", _begin_session, insert=True)  # before anything is asked of a pooler
    event.listen(engine, "checkout", _refuse_read_only)
    event.listen(engine, "handle_error", _condemn)
    return engine


def _begin_session(connection: Any, _record: object) -> None:
    connection.autocommit = True
    [backend] = connection.execute("SELECT pg_backend_pid()").fetchone()
    if backend != connection.info.backend_pid:  # before anything is set that the next client would inherit
        connection.close()
        raise DatabaseRefused(f"this is a connection pooler: {DIRECT}")
    connection.execute(TIMEOUTS)
    connection.autocommit = False


def _refuse_read_only(connection: Any, _record: object, _proxy: object) -> None:
    if any(connection.info.parameter_status(name) == "on" for name in READ_ONLY_WHEN_ON):
        raise InvalidatePoolError("the server takes no writes any more")


def _condemn(context: ExceptionContext) -> None:
    if condemns(context.original_exception):
        context.is_disconnect = True
