"""Both servers as processes, each on a database of its own."""

from collections.abc import Iterator

import pytest

from tests.conftest import TEMPLATE, PostgresProcess, ValkeyProcess
from tests.tools.console import ConsoleProcess
from tests.tools.durable_fixtures import durable_server
from tests.tools.ingress import RunningIngress

__all__ = ["durable_server"]


@pytest.fixture(scope="module")
def own_database(durable_server: PostgresProcess) -> Iterator[str]:
    url = durable_server.create_database(template=TEMPLATE)
    yield url
    durable_server.drop_database(url)


@pytest.fixture(scope="module")
def ingress(
    own_database: str, valkey_process: ValkeyProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningIngress]:
    folder = tmp_path_factory.mktemp("ingress")
    running = RunningIngress(folder, database_url=own_database, redis_url=valkey_process.url, log_level="WARNING")
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def console(
    own_database: str, valkey_process: ValkeyProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ConsoleProcess]:
    folder = tmp_path_factory.mktemp("console")
    running = ConsoleProcess(folder, database_url=own_database, redis_url=valkey_process.url, log_level="WARNING")
    running.start()
    yield running
    running.close()
