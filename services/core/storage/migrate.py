"""Upgrade the schema: one migrator at a time, each revision a transaction of its own."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import structlog
from alembic import command
from alembic.config import Config
from psycopg import errors as pg
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from services.core.storage import rights
from services.core.storage.database import DatabaseRefused, make_engine, translating
from services.core.storage.schema import MIGRATIONS, POLL_SECONDS, SchemaNotReady, current, is_usable, reason_of

log = structlog.get_logger()

LOCK_KEY = 4_251_907
MIGRATOR_WAIT = timedelta(minutes=10)
LOCK_TIMEOUT = "1s"
"""While a statement waits for a table's lock, everybody who comes after it waits too: rather give up and come again."""

LOCK_TRIES = 120
NO_LOGINS: Mapping[str, str] = {}


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
            usable = is_usable(connection)
            if not usable:
                _check_place(connection)
            connection.commit()
            if not usable:
                _run_migrations(connection)
            rights.apply(connection, passwords=passwords)
    finally:
        engine.dispose()


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
