"""An ingress and its database for each module."""

from collections.abc import Iterator

import pytest
from redis import Redis

from services.core.storage.rights import Component
from tests.conftest import TEMPLATE, PostgresProcess, ValkeyProcess, signed_in
from tests.tools.durable_fixtures import durable_server
from tests.tools.ingress import RunningIngress

__all__ = ["durable_server"]


@pytest.fixture(scope="module")
def ingress(
    durable_server: PostgresProcess, valkey_process: ValkeyProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningIngress]:
    """A running ingress; requests must arrive whole within a second."""
    url = durable_server.create_database(template=TEMPLATE)
    running = RunningIngress(
        tmp_path_factory.mktemp("ingress"),
        database_url=url,
        signs_in_at=signed_in(url, Component.WEBHOOK_INGRESS),
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
