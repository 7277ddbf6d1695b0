"""A migration stops nobody: what reads a whole table may not hold a lock that others wait for.

Held by the server's own account: after each statement the tables that are locked against reading or writing are asked
whether they were read through, or written anew. Tables that the migration has made itself are nobody's yet.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from psycopg import connect
from sqlalchemy import Connection, Engine, create_engine, event, text

from services.core.storage import migrate, schema
from tests.conftest import PostgresProcess

BEFORE_THE_RULE = "0005"
REMEDY = (
    "reads all of {table} while others wait for it: use services/core/storage/migrations/online.py (an index beside"
    " the traffic, a check NOT VALID and then VALIDATE), or let the clean-up change the rows in chunks"
)
TABLES = """
    SELECT pg_class.relname, coalesce(seq_scan, 0), relfilenode,
        EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND granted AND relation = pg_class.oid
            AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
    FROM pg_class LEFT JOIN pg_stat_xact_user_tables ON relid = pg_class.oid
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_class.relname <> 'alembic_version'
"""


class Watch:
    """What stopped others for as long as a table is long, in all of this process's statements."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._used: set[str] = set()
        self._before: dict[str, tuple[int, int]] = {}

    def before(self, _connection: Connection, cursor: Any, statement: str, *_rest: Any) -> None:
        if cursor.connection.autocommit and "CONCURRENTLY" not in statement:
            cursor.execute("BEGIN")  # so that its locks are still there when it has ended
        self._before = {name: (scans, file) for name, scans, file, _ in self._tables(cursor)}
        self._used = self._used or set(self._before)

    def after(self, _connection: Connection, cursor: Any, statement: str, *_rest: Any) -> None:
        for name, scans, file, locked in self._tables(cursor):
            if locked and name in self._used and (scans, file) != self._before.get(name):
                self.faults.append(f"{' '.join(statement.split())} {REMEDY.format(table=name)}")
        if cursor.connection.autocommit and "CONCURRENTLY" not in statement:
            cursor.connection.execute("COMMIT")

    def _tables(self, cursor: Any) -> list[tuple[str, int, int, bool]]:
        rows: list[tuple[str, int, int, bool]] = cursor.connection.execute(TABLES).fetchall()
        return rows


@pytest.fixture
def watch() -> Iterator[Watch]:
    watching = Watch()
    event.listen(Engine, "before_cursor_execute", watching.before)
    event.listen(Engine, "after_cursor_execute", watching.after)
    yield watching
    event.remove(Engine, "before_cursor_execute", watching.before)
    event.remove(Engine, "after_cursor_execute", watching.after)


@pytest.fixture
def older_url(postgres_server: PostgresProcess) -> Iterator[str]:
    """A database from before the rule, at the revision that the first releases had."""
    url = postgres_server.create_database()
    engine = create_engine(url)
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(schema.MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE_THE_RULE)
    engine.dispose()
    yield url
    postgres_server.drop_database(url)


def test_no_migration_reads_a_table_that_others_wait_for(older_url: str, watch: Watch) -> None:
    migrate.upgrade(older_url)
    assert watch.faults == []


@pytest.mark.parametrize(
    ("statements", "stops"),
    [
        (["CREATE INDEX made ON messages (body)"], True),
        (["ALTER TABLE messages ADD CHECK (fence >= 0)"], True),
        (["ALTER TABLE messages ALTER COLUMN traceparent TYPE text"], False),
        (["ALTER TABLE messages ALTER COLUMN attempts TYPE integer"], True),
        (["ALTER TABLE messages ADD COLUMN made uuid DEFAULT gen_random_uuid()"], True),
        (["ALTER TABLE messages ADD COLUMN made integer DEFAULT 1"], False),
        (["ALTER TABLE messages ALTER COLUMN contact_id SET NOT NULL"], True),
        (["ALTER TABLE messages ADD UNIQUE (body_hash)"], True),
        (["ALTER TABLE messages ADD FOREIGN KEY (step) REFERENCES contacts (id)"], True),
        (["ALTER TABLE messages ADD CHECK (fence >= 0) NOT VALID"], False),
        (["ALTER TABLE messages ADD COLUMN made integer", "UPDATE messages SET made = 2"], True),
        (["ALTER TABLE messages ADD CONSTRAINT made CHECK (fence >= 0) NOT VALID",
          "ALTER TABLE messages VALIDATE CONSTRAINT made"], True),
        (["CREATE TABLE made (id bigint)", "CREATE INDEX made_index ON made (id)"], False),
        (["ALTER TABLE messages DROP COLUMN body"], False),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)  # fmt: skip
@pytest.mark.parametrize("level", ["AUTOCOMMIT", "READ COMMITTED"])
def test_a_statement_that_would_stop_the_traffic_is_seen(
    database_url: str, watch: Watch, statements: list[str], level: str, *, stops: bool
) -> None:
    engine = create_engine(database_url, isolation_level=level)
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()
    together = len(statements) == 1 or level != "AUTOCOMMIT"
    assert bool(watch.faults) == (stops and together), watch.faults


def test_an_index_that_was_cut_off_is_built_anew(older_url: str) -> None:
    with connect(older_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE INDEX ix_effects_inbox_id ON effects (inbox_id)")
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_effects_inbox_id'::regclass")
        migrate.upgrade(older_url)
        assert connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)


def test_a_token_of_a_clock_that_was_moved_on_goes_on_opening(older_url: str) -> None:
    with connect(older_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO api_tokens (name, role, token_hash, created_at)"
            " VALUES ('moved', 'viewer', 'a', now() + interval '3 days'),"
            " ('older', 'viewer', 'b', now() - interval '3 days')"
        )
        migrate.upgrade(older_url)
        found = "SELECT name, created_at > now() - interval '1 day', created_at > now(), revoked_at FROM api_tokens"
        assert set(connection.execute(found)) == {("moved", True, False, None), ("older", False, False, None)}


def test_migrators_take_turns_and_never_wait_for_each_other_s_snapshots(older_url: str) -> None:
    """One that waited inside the server would keep the other's concurrent index from ever being ready."""
    with ThreadPoolExecutor(3) as pool:
        for migrating in [pool.submit(migrate.upgrade, older_url) for _ in range(3)]:
            migrating.result(60)


def test_a_table_that_somebody_holds_is_asked_for_again(older_url: str) -> None:
    with connect(older_url.replace("+psycopg", "")) as holder:
        holder.execute("LOCK TABLE messages IN ACCESS SHARE MODE")
        migrating = threading.Thread(target=migrate.upgrade, args=(older_url,))
        migrating.start()
        waited = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'messages'::regclass"
        while holder.execute(waited).fetchone() == (0,):
            assert migrating.is_alive()
        while holder.execute(waited).fetchone() != (0,):  # it gave up: others go on
            assert migrating.is_alive()
        holder.rollback()
        migrating.join(60)
        assert not migrating.is_alive()
        assert holder.execute("SELECT version_num FROM alembic_version").fetchone() == (schema.head(),)
