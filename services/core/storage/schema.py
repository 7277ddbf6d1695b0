"""The schema's revision: read it, wait for it.

An older program on a newer schema starts as long as the schema says that it may.
Every role needs this at its start, so it does without the migration library, half a second of imports.
"""

import time
from datetime import timedelta
from functools import cache
from pathlib import Path

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from services.core.storage.database import DatabaseRefused, DatabaseUnavailable, make_engine, translating
from services.core.storage.server_errors import is_unknown_login

log = structlog.get_logger()

MIGRATIONS = Path(__file__).parent / "migrations"
POLL_SECONDS = 0.2
LOGIN_POLL_SECONDS = 1
READ_ONLY = "read-only"  # the driver's word for a server that is not the one it was told to look for
PROMOTION_SECONDS = 30
TAKES_NO_WRITES = "the server takes no writes, it is a standby or set read only: name the primary"


class SchemaTooNew(Exception):
    """The database was migrated by a newer release which this one cannot work with."""


class SchemaNotReady(Exception):
    """The schema did not reach this program's revision in time."""


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
                    if is_usable(connection):
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


@cache
def known() -> tuple[str, ...]:
    """The revisions that this program knows, oldest first: the numbers with which the migrations' names begin."""
    return tuple(sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py")))


def head() -> str:
    """The revision this program was written for."""
    return known()[-1]


def current(connection: Connection) -> str | None:
    """The revision the database is at; `None` for an empty one."""
    if not connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL")):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def is_usable(connection: Connection) -> bool:
    """Whether the schema is at our revision or compatibly ahead of it."""
    revision = current(connection)
    if revision is None or revision in known():
        return revision == head()
    if not connection.scalar(text("SELECT to_regclass('schema_compatibility') IS NOT NULL")):
        raise DatabaseRefused("another program keeps its tables in this database: name one of our own")
    oldest = connection.scalar(text("SELECT min_compatible FROM schema_compatibility"))
    if oldest not in known():
        raise SchemaTooNew(f"the database is at revision {revision}, which this release cannot use: install the newer")
    return True
