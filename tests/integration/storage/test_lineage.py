"""An installation from before the witness keeps what it knew of its life, its timeline too."""

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.orm import Session

from services.core.domain.lineage import doubt
from services.core.storage import lineage, migrate, schema
from tests.conftest import PostgresProcess

BEFORE = "0008"
TIMELINE = "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
ROW = """
    INSERT INTO installation (provider, environment, key_fingerprint, system_identifier, lineage)
    SELECT 'simulator', 'test', 'key', system_identifier,
        concat_ws('/', system_identifier, {timeline},
            (SELECT oid FROM pg_database WHERE datname = current_database()), 'installation'::regclass::oid)
    FROM pg_control_system()
"""


@pytest.fixture
def older(postgres_server: PostgresProcess) -> Iterator[Connection]:
    url = postgres_server.create_database()
    engine = create_engine(url)
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(schema.MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
        yield connection
    engine.dispose()
    postgres_server.drop_database(url)


@pytest.mark.parametrize(("timeline", "is_doubted"), [(TIMELINE, False), ("'0000000A'", True)])
def test_an_older_installation_goes_on_unless_its_timeline_is_another(
    older: Connection, timeline: str, is_doubted: bool
) -> None:
    older.execute(text(ROW.format(timeline=timeline)))
    older.commit()
    migrate.upgrade(older.engine.url.render_as_string(hide_password=False))
    with Session(older.engine) as session:
        standing = lineage.standing(session)
    assert not standing.is_rewound
    assert len(standing.incarnations) == 1
    assert not standing.is_checked
    assert (doubt(standing, None, place="") is not None) is is_doubted
