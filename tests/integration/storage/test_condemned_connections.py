"""An error that is about the connection ends the connection, and every one that the process opened before it."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.core.domain.failures import MadeAtOnce
from services.core.queue.task import is_retryable
from services.core.storage.bulk import copy_in
from services.core.storage.database import Database, DatabaseUnavailable, DataRefused, Session
from tests.tools.waiting import wait_until

BACKEND = text("SELECT pg_backend_pid()")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url, pool_size=3)
    yield made
    made.close()


def backends(database: Database) -> set[int]:
    """Of three transactions at once, which is all that the pool has."""
    with database.transaction() as one, database.transaction() as two, database.transaction() as three:
        return {session.scalars(BACKEND).one() for session in (one, two, three)}


def fail_with(session: Session, state: str) -> None:
    session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '{state}'; END $$"))


def copy_read_only(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("SET TRANSACTION READ ONLY"))
        copy_in(session, "COPY copied FROM STDIN", [(1,)])


def answers(database: Database) -> bool:
    try:
        backends(database)
    except DatabaseUnavailable:
        return False
    return True


@pytest.mark.parametrize(
    "state",
    [
        *("08000", "08003", "08006", "08P01"),
        *("25006", "25P03", "25P04", "26000", "42P05", "40001", "55000"),
        *("57P01", "57P02", "57P03", "57P04", "57P05", "58000", "58030"),
    ],
)
def test_what_condemns_one_connection_has_all_of_them_replaced(database: Database, state: str) -> None:
    before = backends(database)
    with pytest.raises(DatabaseUnavailable), database.transaction() as session:
        fail_with(session, state)
    assert backends(database).isdisjoint(before)


@pytest.mark.parametrize("state", ["23505", "22P02", "42601", "57014", "53100", "53200", "55P03", "40P01", "XX000"])
def test_what_is_wrong_with_a_statement_costs_no_connection(database: Database, state: str) -> None:
    before = backends(database)
    with pytest.raises((DBAPIError, DatabaseUnavailable, MadeAtOnce)), database.transaction() as session:
        fail_with(session, state)
    assert backends(database) == before


def test_a_copy_that_meets_a_read_only_server_ends_its_connection_too(database: Database) -> None:
    with database.transaction() as session:
        before = session.scalars(BACKEND).one()
        session.execute(text("CREATE TABLE copied (id bigint)"))
    with pytest.raises(DatabaseUnavailable):
        copy_read_only(database)
    with database.transaction() as session:
        assert session.scalars(BACKEND).one() != before


def test_a_pooled_connection_is_not_used_once_its_server_takes_no_writes(database: Database) -> None:
    before = backends(database)
    with psycopg.connect(database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")) as owner:
        owner.autocommit = True
        owner.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        owner.execute("SELECT pg_reload_conf()")
        try:
            wait_until(lambda: not answers(database))
            with pytest.raises(DatabaseUnavailable):
                database.check_writable()
        finally:
            owner.execute("SET default_transaction_read_only = off")
            owner.execute("ALTER SYSTEM RESET default_transaction_read_only")
            owner.execute("SELECT pg_reload_conf()")
    wait_until(lambda: answers(database))
    assert backends(database).isdisjoint(before)


def test_data_that_is_too_much_is_no_outage(database: Database) -> None:
    # No index row holds so many letters that don't compress.
    long = "SELECT string_agg(md5(number::text), '') FROM generate_series(1, 500) AS number"
    insert = text(f"INSERT INTO task_runs (task_id, name, args, deliveries) SELECT ({long}), 'x', '[]', 1")
    with pytest.raises(DataRefused) as raised, database.transaction() as session:
        session.execute(insert)
    assert not is_retryable(raised.value)
    assert not isinstance(raised.value, DatabaseUnavailable)
