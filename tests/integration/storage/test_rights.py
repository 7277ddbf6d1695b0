"""Each component signs in to the database as itself, and may do there what it needs and nothing else."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from psycopg import errors as pg
from psycopg import sql
from sqlalchemy import text
from structlog.testing import capture_logs
from structlog.typing import EventDict

from services.core.runtime.settings import read_settings
from services.core.storage import rights
from services.core.storage.database import Database, DatabaseRefused, RightMissing
from services.core.storage.migrate import upgrade
from services.core.storage.models import Base
from services.core.storage.rights import RIGHTS, Component
from services.core.storage.schema import wait_for_schema
from services.core.usecases.operations.start_role import check_database
from tests.conftest import PASSWORD, MigratedTemplate, PostgresProcess

OWNER = f"attackacrack:{PASSWORD}"
TOKEN = "INSERT INTO api_tokens (name, role, token_hash) VALUES ('x', 'admin', '\\x00')"
TEXTS = "SELECT body FROM messages"
FORBIDDEN: dict[Component, tuple[str, ...]] = {
    Component.WEBHOOK_INGRESS: (
        *(TOKEN, TEXTS, "SELECT raw FROM inbox", "SELECT * FROM api_tokens", "SELECT * FROM audit"),
        *("INSERT INTO audit (actor, act, subject) VALUES ('x', 'x', 'x')", "UPDATE messages SET body = 'x'"),
        *("UPDATE opt_outs SET lifted_at = now()", "DELETE FROM opt_outs", "UPDATE installation SET lineage = 'x'"),
        *("SELECT * FROM recipients", "SELECT * FROM import_rows", "DELETE FROM inbox", "UPDATE inbox SET raw = ''"),
        "INSERT INTO messages (direction) VALUES ('outgoing')",
    ),
    Component.WEBHOOK_WORKER: (TOKEN, "SELECT * FROM audit", "UPDATE installation SET lineage = 'x'"),
    Component.CAMPAIGN_WORKER: (TOKEN, "UPDATE opt_outs SET lifted_at = now()", "DELETE FROM inbox"),
    Component.OPERATIONS_WORKER: (TOKEN, "SELECT * FROM api_tokens", "DELETE FROM messages", "DELETE FROM opt_outs"),
    Component.BEAT: (TOKEN, "UPDATE opt_outs SET lifted_at = now()", "INSERT INTO messages (direction) VALUES ('x')"),
    Component.CONSOLE: ("DELETE FROM api_tokens", "DELETE FROM messages", "DELETE FROM opt_outs", "DELETE FROM inbox"),
}  # fmt: skip
NOBODY_MAY = (
    *("UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit", "TRUNCATE messages", "DROP TABLE audit"),
    *("ALTER TABLE audit DISABLE TRIGGER ALL", "CREATE TABLE mine (id bigint)", "DELETE FROM alembic_version"),
    *("CREATE ROLE mine", "UPDATE schema_compatibility SET min_compatible = ''"),
)  # fmt: skip


@pytest.fixture(scope="module")
def database_url(migrated_template: MigratedTemplate) -> Iterator[str]:
    """One for all of these tests: they change nothing that stays."""
    url = migrated_template.server.create_database(template=migrated_template.name)
    yield url
    migrated_template.server.drop_database(url)


@pytest.fixture(scope="module")
def logins(database_url: str, postgres_server: PostgresProcess) -> Iterator[dict[Component, str]]:
    """The address of each component."""
    name = database_url.rpartition("/")[2]
    upgrade(database_url, passwords={each.value: f"pw-{each}" for each in Component})
    yield {each: database_url.replace(OWNER, f"{rights.login(name, each)}:pw-{each}") for each in Component}
    postgres_server.drop_database(database_url)
    for each in Component:
        postgres_server.execute(f"DROP ROLE {rights.login(name, each)}")


def test_every_table_has_a_declared_right_and_every_right_a_table() -> None:
    assert rights.undeclared() == set(), "declare who may do what with the table: services/core/storage/rights.py"
    assert {table for each in RIGHTS.values() for table in each} <= set(Base.metadata.tables)


@pytest.mark.parametrize("component", Component)
def test_a_component_has_what_is_declared_and_nothing_else(
    logins: dict[Component, str], database_url: str, component: Component
) -> None:
    name = rights.login(database_url.rpartition("/")[2], component)
    declared = {
        (table, right.verb, column)
        for table, each in {"alembic_version": rights.R, "schema_compatibility": rights.R, **RIGHTS[component]}.items()
        for right in each
        for column in (right.columns or ("",))
    }
    with psycopg.connect(database_url.replace("+psycopg", "")) as owner:
        tables = owner.execute(
            "SELECT table_name, privilege_type, '' FROM information_schema.table_privileges WHERE grantee = %s", [name]
        ).fetchall()
        columns = owner.execute(
            "SELECT table_name, privilege_type, column_name FROM information_schema.column_privileges c"
            " WHERE grantee = %s AND NOT EXISTS (SELECT FROM information_schema.table_privileges t"
            " WHERE t.grantee = c.grantee AND t.table_name = c.table_name AND t.privilege_type = c.privilege_type)",
            [name],
        ).fetchall()
    assert {*tables, *columns} == declared


@pytest.mark.parametrize(
    ("component", "statement"),
    [
        *((component, statement) for component, all_of in FORBIDDEN.items() for statement in all_of),
        *((component, statement) for component in Component for statement in NOBODY_MAY),
    ],
)
def test_what_is_not_a_component_s_is_refused_by_the_database(
    logins: dict[Component, str], component: Component, statement: str
) -> None:
    with (
        psycopg.connect(logins[component].replace("+psycopg", "")) as connection,
        pytest.raises(pg.InsufficientPrivilege),
    ):
        connection.execute(sql.SQL(statement))


@pytest.mark.parametrize("statement", ["TRUNCATE audit", "TRUNCATE audit CASCADE", "DELETE FROM audit"])
def test_the_owner_too_keeps_the_audit(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url.replace("+psycopg", "")) as owner:
        owner.execute("INSERT INTO audit (actor, act, subject) VALUES ('x', 'x', 'x')")
        owner.commit()
        with pytest.raises(pg.RaiseException, match="rows of audit are never changed"):
            owner.execute(sql.SQL(statement))


@pytest.mark.parametrize("component", Component)
def test_every_component_starts_with_its_own_login(logins: dict[Component, str], component: Component) -> None:
    database = Database(logins[component])
    try:
        with database.transaction() as session:
            assert rights.missing(session, component) == []
            assert not rights.shares_the_owner(session)
        database.check_writable()
    finally:
        database.close()


def test_a_component_that_lacks_a_right_is_refused_at_its_start(
    logins: dict[Component, str], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = rights.login(database_url.rpartition("/")[2], Component.BEAT)
    with psycopg.connect(database_url.replace("+psycopg", "")) as owner:
        owner.execute(sql.SQL("REVOKE UPDATE ON inbox FROM {}").format(sql.Identifier(name)))
    monkeypatch.setattr("services.core.storage.database.SETTINGS_THAT_MUST_BE_ON", ())
    with pytest.raises(
        RightMissing, match=r"ATTACKACRACK_DATABASE_URL: its user lacks UPDATE on inbox: .*schema grants"
    ):
        check_database(read_settings(database_url=logins[Component.BEAT]), Component.BEAT)
    upgrade(database_url)  # which gives it again
    check_database(read_settings(database_url=logins[Component.BEAT]), Component.BEAT)


def test_what_grants_prints_is_all_that_an_administrator_needs(
    migrated_template: MigratedTemplate, postgres_server: PostgresProcess
) -> None:
    database_url = postgres_server.create_database(template=migrated_template.name)
    name = database_url.rpartition("/")[2]
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute(sql.SQL(rights.script(name).replace("'?'", "'theirs'")))
    try:
        for component in Component:
            database = Database(database_url.replace(OWNER, f"{rights.login(name, component)}:theirs"))
            with database.reading() as session:
                assert rights.missing(session, component) == []
            database.close()
    finally:
        postgres_server.drop_database(database_url)
        for component in Component:
            postgres_server.execute(f"DROP ROLE {rights.login(name, component)}")


def test_who_comes_before_its_login_is_made_waits_for_it(
    migrated_template: MigratedTemplate, postgres_server: PostgresProcess
) -> None:
    database_url = postgres_server.create_database(template=migrated_template.name)
    name = rights.login(database_url.rpartition("/")[2], Component.BEAT)
    own = database_url.replace(OWNER, f"{name}:theirs")
    said = threading.Event()

    def tell(_logger: object, _name: str, event: EventDict) -> EventDict:
        said.set()
        return event

    def wait() -> None:
        with capture_logs(processors=[tell]):
            wait_for_schema(own, timeout=timedelta(minutes=1), makes_login=True)

    try:
        with pytest.raises(DatabaseRefused, match="user and password are not accepted"):
            wait_for_schema(own, timeout=timedelta(minutes=1))
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(wait)
            assert said.wait(60)
            assert not waiting.done()
            upgrade(database_url, passwords={Component.BEAT.value: "theirs"})
            waiting.result(timeout=60)
    finally:
        postgres_server.drop_database(database_url)
        postgres_server.execute(f"DROP ROLE IF EXISTS {name}")


def test_the_owner_is_told_apart(database_url: str) -> None:
    database = Database(database_url)
    try:
        with database.reading() as session:
            assert rights.shares_the_owner(session)
            assert session.scalar(text("SELECT 1")) == 1
    finally:
        database.close()
