"""The database is what the models say, and what the models say is enough."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, create_engine, text

from services.core.storage import schema
from services.core.storage.models import Base
from tests.conftest import PostgresProcess

ROOT = Path(__file__).parents[3]
CHECKS = """
    SELECT relname, conname, convalidated, pg_get_constraintdef(pg_constraint.oid)
    FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    WHERE contype = 'c' AND relnamespace = 'public'::regnamespace
"""
INDEXES = """
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY indexdef
"""
UNINDEXED = """
    SELECT conrelid::regclass::text, attname
    FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    WHERE contype = 'f' AND NOT EXISTS (
        SELECT FROM pg_index WHERE indrelid = conrelid AND indkey[0] = conkey[1] AND indpred IS NULL AND indisvalid
    )
"""


@pytest.fixture
def migrated(database_url: str) -> Iterator[Connection]:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def modelled(postgres_server: PostgresProcess) -> Iterator[Connection]:
    """A database made of the models, without any migration."""
    url = postgres_server.create_database()
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("CREATE FUNCTION product_now() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'"))
        Base.metadata.create_all(connection)
        yield connection
    engine.dispose()
    postgres_server.drop_database(url)


def test_revisions_read_from_file_names_are_those_of_the_migrations(migrated: Connection) -> None:
    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    assert schema.known() == tuple(reversed([script.revision for script in scripts.walk_revisions()]))
    assert schema.head() == scripts.get_current_head() == MigrationContext.configure(migrated).get_current_revision()
    assert schema.current(migrated) == schema.head()


def test_tables_and_columns_are_the_models(migrated: Connection) -> None:
    context = MigrationContext.configure(
        migrated,
        opts={
            "compare_type": True,
            "include_name": lambda name, kind, _parent: kind != "table" or name != "schema_compatibility",
        },
    )
    assert compare_metadata(context, Base.metadata) == []


def test_checks_are_the_models_and_hold_for_old_rows_too(migrated: Connection, modelled: Connection) -> None:
    named = {
        constraint.name
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    found = {tuple(row) for row in migrated.execute(text(CHECKS))}
    assert found == {tuple(row) for row in modelled.execute(text(CHECKS))}
    assert len(found) == len(named)


def test_indexes_are_the_models_with_their_conditions(migrated: Connection, modelled: Connection) -> None:
    assert migrated.scalars(text(INDEXES)).all() == modelled.scalars(text(INDEXES)).all()


def test_every_foreign_key_has_an_index_on_its_referring_side(migrated: Connection) -> None:
    """Without one, the delete of a row reads the whole table that may refer to it."""
    assert [tuple(row) for row in migrated.execute(text(UNINDEXED))] == []


def test_migrations_run_from_a_path_with_every_sign_that_a_path_can_hold(database_url: str, tmp_path: Path) -> None:
    checkout = tmp_path / "100% of #1? [a]'s %(here)s"
    checkout.mkdir()
    shutil.copytree(ROOT / "services", checkout / "services", ignore=shutil.ignore_patterns("__pycache__"))
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        program = "import sys; from services.core.storage.migrate import upgrade; upgrade(sys.argv[1])"
        command = [sys.executable, "-c", program, database_url]
        subprocess.run(command, cwd=checkout, check=True, env={"PYTHONPATH": str(checkout)})
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
