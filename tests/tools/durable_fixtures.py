"""One durable PostgreSQL for a test process's servers: they refuse any other."""

from collections.abc import Iterator

import pytest

from services.cli.laptop.guard import Guard
from services.cli.laptop.ports import free_ports
from services.cli.laptop.postgres import prepare_postgres
from services.core.storage.migrate import upgrade
from services.core.storage.rights import Component
from tests.conftest import PASSWORD, TEMPLATE, PostgresProcess


@pytest.fixture(scope="session")
def durable_server(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[PostgresProcess]:
    """A PostgreSQL that these tests may freeze and kill, with a migrated template."""
    folder = tmp_path_factory.mktemp("durable")
    cluster = prepare_postgres(folder / "data", port=free_ports(1)[0], password=PASSWORD)
    server = PostgresProcess(cluster, guard, folder / "server.log")
    server.start()
    server.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
    upgrade(server.url(TEMPLATE), passwords=dict.fromkeys(Component, PASSWORD))
    yield server
    server.stop()
