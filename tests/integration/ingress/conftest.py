"""One durable PostgreSQL for these tests (the ingress refuses any other), a database and a process per module."""

from collections.abc import Iterator

import pytest
from redis import Redis

from services.cli.laptop.guard import Guard
from services.cli.laptop.ports import free_ports
from services.cli.laptop.postgres import prepare_postgres
from services.core.storage.migrate import upgrade
from tests.conftest import PASSWORD, TEMPLATE, PostgresProcess, ValkeyProcess
from tests.tools.ingress import RunningIngress


@pytest.fixture(scope="session")
def durable_server(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[PostgresProcess]:
    """A PostgreSQL that these tests may freeze and kill, with a migrated template."""
    folder = tmp_path_factory.mktemp("durable")
    cluster = prepare_postgres(folder / "data", port=free_ports(1)[0], password=PASSWORD)
    server = PostgresProcess(cluster, guard, folder / "server.log")
    server.start()
    server.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
    upgrade(server.url(TEMPLATE))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ingress(
    durable_server: PostgresProcess, valkey_process: ValkeyProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningIngress]:
    """A running ingress; requests must arrive whole within a second."""
    url = durable_server.create_database(template=TEMPLATE)
    running = RunningIngress(
        tmp_path_factory.mktemp("ingress"),
        database_url=url,
        redis_url=valkey_process.url,
        webhook_body_timeout="PT1S",
        log_level="WARNING",
    )
    running.start()
    yield running
    running.close()
    durable_server.drop_database(url)


@pytest.fixture
def queued(valkey_server: ValkeyProcess) -> Iterator[Redis]:
    with Redis.from_url(valkey_server.url, decode_responses=True) as client:
        yield client
