"""A database that will never serve is refused before the work, by the setting's name and with the remedy."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from services.core.runtime.settings import read_settings
from services.core.storage.database import Database, DatabaseRefused, DatabaseUnavailable, RightMissing
from services.core.storage.migrate import upgrade
from services.core.usecases.operations.start_role import check_database
from tests.conftest import PASSWORD, PostgresProcess
from tests.tools.pooler import MISSING, PGBOUNCER, pooler

SETTING = "ATTACKACRACK_DATABASE_URL: "
OWNER = f"attackacrack:{PASSWORD}"
ROLES = """
    CREATE ROLE stranger LOGIN PASSWORD 'str4nge';
    CREATE ROLE barred NOLOGIN PASSWORD 'str4nge';
"""


@pytest.fixture
def address(database_url: str, postgres_server: PostgresProcess) -> Iterator[str]:
    postgres_server.execute(ROLES)
    yield database_url
    postgres_server.drop_database(database_url)
    postgres_server.execute("DROP ROLE stranger; DROP ROLE barred")


@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [
        (OWNER, "attackacrack:wr0ng", "user and password are not accepted"),
        (OWNER, "nobody:wr0ng", "user and password are not accepted"),
        (OWNER, "barred:str4nge", "ALTER ROLE ... LOGIN"),
        ("/test_", "/nosuch_", "CREATE DATABASE"),
        (OWNER, "stranger:str4nge", "attackacrack schema grants"),
    ],
)
def test_what_would_never_work_is_refused_at_once(address: str, old: str, new: str, remedy: str) -> None:
    assert old in address
    with pytest.raises((DatabaseRefused, RightMissing)) as refused:
        check_database(read_settings(database_url=address.replace(old, new)))
    assert remedy in str(refused.value)
    assert str(refused.value).startswith(SETTING)
    assert "wr0ng" not in str(refused.value)
    assert "str4nge" not in str(refused.value)


def test_an_option_that_nobody_knows_is_refused(address: str) -> None:
    with pytest.raises(DatabaseRefused, match=f"{SETTING}.*after [?]"):
        check_database(read_settings(database_url=f"{address}?sslmod=require"))


def test_a_database_of_another_program_is_refused(address: str) -> None:
    with psycopg.connect(address.replace("+psycopg", "")) as connection:
        connection.execute("DROP TABLE schema_compatibility; UPDATE alembic_version SET version_num = 'f00d'")
    for act in (upgrade, lambda url: check_database(read_settings(database_url=url))):
        with pytest.raises(DatabaseRefused, match=f"{SETTING}another program"):
            act(address)


def test_migrations_keep_out_of_a_database_with_tables_of_others(postgres_server: PostgresProcess) -> None:
    url = postgres_server.create_database()
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE theirs (id bigint)")
    with pytest.raises(DatabaseRefused, match=f"{SETTING}another program"):
        upgrade(url)
    postgres_server.drop_database(url)


def test_migrations_without_the_right_to_make_tables_say_how_to_give_it(
    address: str, postgres_server: PostgresProcess
) -> None:
    url = postgres_server.create_database()
    with pytest.raises(DatabaseRefused, match=f"{SETTING}.*GRANT USAGE, CREATE ON SCHEMA public"):
        upgrade(url.replace(OWNER, "stranger:str4nge"))
    postgres_server.drop_database(url)


def test_a_right_that_is_missing_at_use_is_no_outage(address: str) -> None:
    database = Database(address.replace(OWNER, "stranger:str4nge"))
    try:
        with pytest.raises(
            RightMissing, match=f"{SETTING}permission denied for table audit: .*schema grants"
        ) as refused:
            count_audit(database)
        assert not isinstance(refused.value, DatabaseUnavailable)
    finally:
        database.close()


def count_audit(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("SELECT count(*) FROM audit"))


@pytest.mark.skipif(PGBOUNCER is None, reason=MISSING)
@pytest.mark.parametrize("mode", ["transaction", "session", "statement"])
def test_a_pooler_is_refused_by_every_way_in(address: str, mode: str, tmp_path: Path) -> None:
    """Also when it hands everybody the same idle connection, so that nothing else would tell it yet."""
    with pooler(address, mode=mode, folder=tmp_path) as url:
        configured = read_settings(database_url=url)
        pooled = configured.database_url.get_secret_value()
        with psycopg.connect(url, autocommit=True) as connection:  # it leads there
            assert connection.execute("SHOW lock_timeout").fetchone() == ("0",)
        for act in (upgrade, lambda _url: check_database(configured), lambda url: Database(url).check_writable()):
            with pytest.raises(DatabaseRefused, match=f"{SETTING}this is a connection pooler: give PostgreSQL's own"):
                act(pooled)
        with psycopg.connect(url, autocommit=True) as connection:  # and nothing of ours is left for its other clients
            assert connection.execute("SHOW lock_timeout").fetchone() == ("0",)
