"""The schema: upgrade it, read its revision, wait for it. One migrator at a time; an older program on a newer schema
starts as long as the schema says that it may.
"""

import time
from datetime import timedelta
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

log = structlog.get_logger()

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_KEY = 4_251_907
POLL_SECONDS = 0.2


class SchemaTooNew(Exception):
    """The database was migrated by a newer release which this one cannot work with."""


class SchemaNotReady(Exception):
    """The schema did not reach this program's revision in time."""


def upgrade(database_url: str) -> None:
    """Bring the schema to this program's revision; do nothing when it is there or compatibly ahead.

    Raises `SchemaTooNew` when the database is ahead and does not allow this program.
    """
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SET lock_timeout = '10s'"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
            connection.commit()
            if not _is_usable(connection):
                command.upgrade(_config(connection), "head")
                connection.commit()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
            connection.commit()
    finally:
        engine.dispose()


def wait_for_schema(database_url: str, *, timeout: timedelta) -> None:
    """Return when the schema serves this program; raise `SchemaNotReady` after `timeout`. Only reads.

    What it waits for is logged, once for each reason.
    """
    said, deadline = "", time.monotonic() + timeout.total_seconds()
    engine = create_engine(database_url, connect_args={"connect_timeout": 2})
    try:
        while time.monotonic() < deadline:
            try:
                with engine.connect() as connection:
                    if _is_usable(connection):
                        return
            except OperationalError as error:
                last = reason_of(error)
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


def _is_usable(connection: Connection) -> bool:
    """Whether the schema is at our revision or compatibly ahead of it."""
    revision = current(connection)
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if revision is None or revision in known:
        return revision == head()
    oldest = connection.scalar(text("SELECT min_compatible FROM schema_compatibility"))
    if oldest not in known:
        raise SchemaTooNew(f"the database is at revision {revision}, which this release cannot use: install the newer")
    return True


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
