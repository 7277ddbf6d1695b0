"""The schema: upgrade it, read its revision, wait for it. One migrator at a time; an older program on a newer schema
starts as long as the schema says that it may.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import errors as pg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from services.core.storage import rights
from services.core.storage.database import DatabaseRefused, DatabaseUnavailable, make_engine, translating
from services.core.storage.server_errors import is_unknown_login

log = structlog.get_logger()

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_KEY = 4_251_907
POLL_SECONDS = 0.2
LOGIN_POLL_SECONDS = 1
MIGRATOR_WAIT = timedelta(minutes=10)
LOCK_TIMEOUT = "1s"
"""While a statement waits for a table's lock, everybody who comes after it waits too: rather give up and come again."""

LOCK_TRIES = 120
NO_LOGINS: Mapping[str, str] = {}
READ_ONLY = "read-only"  # the driver's word for a server that is not the one it was told to look for
PROMOTION_SECONDS = 30
TAKES_NO_WRITES = "the server takes no writes, it is a standby or set read only: name the primary"


class SchemaTooNew(Exception):
    """The database was migrated by a newer release which this one cannot work with."""


class SchemaNotReady(Exception):
    """The schema did not reach this program's revision in time."""


def upgrade(database_url: str, *, passwords: Mapping[str, str] = NO_LOGINS) -> None:
    """Bring the schema to this program's revision; do nothing when it is there or compatibly ahead.

    Each revision is a transaction of its own; then every component that can sign in gets its rights, after those of
    `passwords`, by component, got their login. Raises `SchemaTooNew` when the database is ahead and does not allow this
    program, `SchemaNotReady` when another migrator does not end in time.
    """
    engine = make_engine(database_url, pool_size=1, application="attackacrack-migrations")
    try:
        with translating(), engine.connect() as connection, _the_only_migrator(connection):
            connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.execute(text("SET statement_timeout = 0"))
            usable = _is_usable(connection)
            if not usable:
                _check_place(connection)
            connection.commit()
            if not usable:
                _run_migrations(connection)
            rights.apply(connection, passwords=passwords)
    finally:
        engine.dispose()


def wait_for_schema(database_url: str, *, timeout: timedelta, makes_login: bool = False) -> None:
    """Return when the schema serves this program; raise `SchemaNotReady` after `timeout`. Only reads.

    What it waits for is logged, once for each reason. Raises `DatabaseRefused` where waiting is no use: a standby gets
    as long as it takes to promote one, and with `makes_login` the migrator that of `upgrade`'s passwords.
    """
    said, began = "", time.monotonic()
    engine = make_engine(database_url, pool_size=1, application="attackacrack-schema")
    try:
        while (waited := time.monotonic() - began) < timeout.total_seconds():
            try:
                with translating(), engine.connect() as connection:
                    if _is_usable(connection):
                        return
            except DatabaseRefused as error:
                cause = error.__cause__
                if not (makes_login and isinstance(cause, DBAPIError) and is_unknown_login(cause.orig)):
                    raise
                last = str(error)
                time.sleep(LOGIN_POLL_SECONDS)
            except DatabaseUnavailable as error:
                last = reason_of(error.__cause__) if isinstance(error.__cause__, DBAPIError) else str(error)
                if READ_ONLY in last and waited > PROMOTION_SECONDS:
                    raise DatabaseRefused(TAKES_NO_WRITES) from error
            else:
                last = f"revision {head()} is not there yet"
            if last != said:
                log.warning("schema.waited_for", reason=last)
                said = last
            time.sleep(POLL_SECONDS)
    finally:
        engine.dispose()
    raise SchemaNotReady(last)


def reason_of(error: DBAPIError) -> str:
    """The driver's own words, in one line."""
    return " ".join(str(error.orig).split())


def head() -> str:
    """The revision this program was written for."""
    revision = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if revision is None:
        raise RuntimeError("there are no migrations")
    return revision


def current(connection: Connection) -> str | None:
    """The revision the database is at; `None` for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _the_only_migrator(connection: Connection) -> Iterator[None]:
    """Asks again and again: one that waits inside the server holds a snapshot, and the index that the other builds
    concurrently waits for every snapshot to end.
    """
    deadline = time.monotonic() + MIGRATOR_WAIT.total_seconds()
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK_KEY}):
        connection.commit()
        if time.monotonic() > deadline:
            raise SchemaNotReady("another migration is running, and did not end in time")
        time.sleep(POLL_SECONDS)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
        connection.commit()


def _run_migrations(connection: Connection) -> None:
    """Go on from the last whole revision whenever a table's lock was not to be had."""
    for tries_left in reversed(range(LOCK_TRIES)):
        try:
            command.upgrade(_config(connection), "head")
        except OperationalError as error:
            connection.rollback()
            if not isinstance(error.orig, pg.LockNotAvailable) or not tries_left:
                raise
            log.warning("schema.lock_not_available", detail=reason_of(error))
            time.sleep(POLL_SECONDS)
        else:
            return


def _is_usable(connection: Connection) -> bool:
    """Whether the schema is at our revision or compatibly ahead of it."""
    revision = current(connection)
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if revision is None or revision in known:
        return revision == head()
    if not connection.scalar(text("SELECT to_regclass('schema_compatibility') IS NOT NULL")):
        raise DatabaseRefused("another program keeps its tables in this database: name one of our own")
    oldest = connection.scalar(text("SELECT min_compatible FROM schema_compatibility"))
    if oldest not in known:
        raise SchemaTooNew(f"the database is at revision {revision}, which this release cannot use: install the newer")
    return True


def _check_place(connection: Connection) -> None:
    """Raises `DatabaseRefused` where our tables may not, or should not, be made."""
    if not connection.scalar(text("SELECT has_schema_privilege('public', 'CREATE')")):
        raise DatabaseRefused("its user may not make tables: GRANT USAGE, CREATE ON SCHEMA public TO it")
    strangers = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    if current(connection) is None and connection.scalar(text(strangers)):
        raise DatabaseRefused("another program keeps its tables in this database: name one of our own")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # its values are interpolated
    config.attributes["connection"] = connection
    return config
