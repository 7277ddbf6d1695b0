"""Flower starts before the workers do, and has nothing to complain of then."""

from pathlib import Path

import httpx
import pytest

from services.cli.laptop.ports import free_ports
from tests.conftest import ValkeyProcess
from tests.tools.roles import running_role
from tests.tools.waiting import wait_until

PASSWORD = "for-tests-on-loopback"


@pytest.mark.processes
def test_that_no_worker_is_there_yet_is_no_warning(valkey_server: ValkeyProcess, tmp_path: Path) -> None:
    [port] = free_ports(1)
    settings = {"redis_url": valkey_server.url, "flower_port": port, "flower_password": PASSWORD}
    address = f"http://127.0.0.1:{port}"
    with (
        running_role("flower", tmp_path, **settings),
        httpx.Client(base_url=address, auth=("operator", PASSWORD), trust_env=False, timeout=60) as client,
    ):
        wait_until(lambda: answers(client))
        assert client.get("/api/workers", params={"refresh": "true"}).json() == {}
    assert "Inspect method" not in (tmp_path / "flower.log").read_text()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthcheck").status_code == 200
    except httpx.TransportError:
        return False
