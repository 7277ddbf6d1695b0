"""PostgreSQL is elsewhere for a while: whoever was routed to a standby works again by itself when a primary is back."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from services.cli.laptop.guard import Guard
from services.cli.laptop.ports import free_ports
from services.cli.laptop.postgres import PostgresCluster, prepare_postgres
from services.core.storage.migrate import upgrade
from tests.conftest import PASSWORD, PostgresProcess, ValkeyProcess
from tests.tools.ingress import RunningIngress, body_of, received
from tests.tools.roles import running_role
from tests.tools.router import routing_to
from tests.tools.simulator import RunningSimulator
from tests.tools.waiting import wait_until
from tests.tools.world import World

logger = logging.getLogger(__name__)

AWAY_SECONDS = float(os.environ.get("FAILOVER_SECONDS", "3"))


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[PostgresProcess]:
    """A durable server, which is what the roles insist on."""
    folder = tmp_path_factory.mktemp("primary")
    cluster = prepare_postgres(folder / "data", port=free_ports(1)[0], password=PASSWORD)
    server = PostgresProcess(cluster, guard, folder / "server.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def standby(
    primary: PostgresProcess, tmp_path_factory: pytest.TempPathFactory, guard: Guard
) -> Iterator[PostgresProcess]:
    """A hot standby that streams from it."""
    folder = tmp_path_factory.mktemp("standby")
    made: PostgresCluster = prepare_postgres(folder / "template", port=free_ports(1)[0], password=PASSWORD)
    data = made.data.with_name(f"{made.data.name}-standby")
    source = primary.url().replace("+psycopg", "")
    copied = made.unprivileged.run(str(made.binaries / "pg_basebackup"), "-D", str(data), "-R", "-d", source)
    assert copied.returncode == 0, copied.stderr
    cluster = PostgresCluster(data, made.binaries, made.port, PASSWORD, made.unprivileged)
    server = PostgresProcess(cluster, guard, folder / "server.log")
    server.start()
    yield server
    server.stop()


@pytest.mark.processes
@pytest.mark.timeout(300)
def test_every_role_works_again_after_a_while_on_a_standby(
    primary: PostgresProcess,
    standby: PostgresProcess,
    valkey_server: ValkeyProcess,
    simulator_process: RunningSimulator,
    tmp_path: Path,
) -> None:
    simulator_process.reset(keep_webhooks=False)
    url = primary.create_database()
    upgrade(url)
    with routing_to(primary.port) as router, ExitStack() as stack:
        world = World(url, valkey_server.url, simulator_process, {"provider_rate": 20})
        stack.callback(world.close)
        routed = url.replace(f":{primary.port}/", f":{router.port}/")
        settings = {
            "database_url": routed,
            "redis_url": valkey_server.url,
            "provider_base_url": simulator_process.url,
            "provider_api_key": simulator_process.api_key,
            "provider_phone_number_id": simulator_process.phone_number_id,
            "provider_phone_number": simulator_process.phone_number,
            "provider_rate": 20,
            "number_daily_cap": 100_000,
            "account_daily_cap": 100_000,
        }
        console_port = free_ports(1)[0]
        for role, more in (("beat", {}), ("campaign_worker", {}), ("console", {"console_port": console_port})):
            stack.enter_context(running_role(role, tmp_path, **settings, **more))
        ingress = RunningIngress(tmp_path, **{name: str(value) for name, value in settings.items()})
        stack.callback(ingress.close)
        ingress.start()
        world.campaign(people=3000, daily_cap=100_000, batch_size=3000)
        world.await_texts(5)

        def is_ready() -> list[bool]:
            return [ingress.is_ready(), _answers(f"http://127.0.0.1:{console_port}/readyz")]

        wait_until(lambda: all(is_ready()))
        router.lead_to(standby.port)
        wait_until(lambda: not any(is_ready()))
        assert ingress.post(body_of(received())).status_code == 503
        left = time.monotonic()
        wait_until(lambda: time.monotonic() - left > AWAY_SECONDS, within=AWAY_SECONDS + 60)
        texts = len(world.texts())

        router.lead_to(primary.port)
        back = time.monotonic()
        wait_until(lambda: ingress.post(body_of(received())).status_code == 200)
        stored = time.monotonic() - back
        wait_until(lambda: len(world.texts()) > texts)
        sent = time.monotonic() - back
        wait_until(lambda: all(is_ready()))
        logger.info("the first webhook was stored after %.1f s, the first text sent after %.1f s", stored, sent)
        e164s = [line["to"] for line in world.texts()]
        assert len(e164s) == len(set(e164s))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
