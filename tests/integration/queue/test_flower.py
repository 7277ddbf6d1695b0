"""What Flower lets whoever asks do: with the password look, without it nothing at all, and nobody act."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from flower.urls import handlers

from services.cli.laptop.ports import free_ports
from services.core.domain.guesses import FAILED_AT_MOST
from services.core.queue.flower import PROBE
from services.core.queue.heartbeat import LIVE
from services.core.runtime.settings import Settings
from tests.integration.queue.conftest import NewWorker
from tests.tools.waiting import wait_until

ROOT = Path(__file__).parents[3]
PASSWORD = "abc,x:y @/%#?\"z'"
PATHS = [
    re.sub(r"\(.*?\)|/\?", "x", (getattr(each, "regex", None) and each.regex.pattern) or each[0]) for each in handlers
]


@pytest.fixture
def flower(queue_settings: Settings, tmp_path: Path) -> Iterator[str]:
    """Flower as its role runs it; answers its address."""
    (port,) = free_ports(1)
    environment = {
        **os.environ,
        "ATTACKACRACK_REDIS_URL": queue_settings.redis_url.get_secret_value(),
        "ATTACKACRACK_FLOWER_PORT": str(port),
        "ATTACKACRACK_FLOWER_PASSWORD": PASSWORD,
        "FLOWER_BASIC_AUTH": "intruder:intruder",
        "FLOWER_UNAUTHENTICATED_API": "true",
        "FLOWER_READ_ONLY": "false",
    }
    address = f"http://127.0.0.1:{port}"
    with (tmp_path / "flower.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.flower"], env=environment, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: process.poll() is not None or answers(address))
        assert process.poll() is None, (tmp_path / "flower.log").read_text()
        yield address
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0


def answers(address: str) -> bool:
    try:
        return httpx.get(address + PROBE).status_code == 200
    except httpx.TransportError:
        return False


def client(address: str, password: str | None = PASSWORD) -> httpx.Client:
    return httpx.Client(base_url=address, auth=("operator", password) if password else None, timeout=30)


def test_nothing_but_its_probe_is_open(flower: str) -> None:
    with client(flower, None) as nobody:
        found = {path: nobody.get(path).status_code for path in [*PATHS, "/metrics", "/static/js/flower.js"]}
    assert found.pop(PROBE) == 200
    assert set(found.values()) == {401}


def test_a_password_with_every_sign_is_the_only_one(flower: str) -> None:
    for wrong in ("abc", "y", "intruder", PASSWORD + " "):
        with client(flower, wrong) as stranger:
            assert stranger.get("/workers").status_code == 401
    with client(flower) as operator:
        assert operator.get("/workers").status_code == 200
        assert "flower" in operator.get("/metrics").text


def test_it_changes_nothing(flower: str, new_worker: NewWorker) -> None:
    """The kind: what is called read-only and has only been told to be looked at."""
    worker = new_worker().start("operations")
    with client(flower) as operator:
        name = wait_until(lambda: next(iter(operator.get("/api/workers?refresh=1").json()), None))
        for path in PATHS:
            named = path.replace("/x", f"/{name}", 1) if "/worker/" in path else path
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                answer = operator.request(method, named, json={"args": [["x"]]}, params={"queue": "default", "n": 1})
                assert answer.status_code in (403, 404, 405), (method, named, answer.text)
        queues = operator.get("/api/workers?refresh=1").json()[name]["active_queues"]
    assert {queue["name"] for queue in queues} == {"priority", "default"}
    assert worker.is_running
    assert worker.has(LIVE)()
    assert not worker.events("run")


def test_guessing_is_braked(flower: str) -> None:
    with client(flower, "wrong") as stranger:
        statuses = [stranger.get("/workers").status_code for _ in range(FAILED_AT_MOST + 3)]
        assert statuses == [401] * FAILED_AT_MOST + [429] * 3
        assert "retry-after" in stranger.get("/workers").headers
    with client(flower) as right:
        assert right.get("/workers").status_code == 429
    assert answers(flower)


@pytest.mark.parametrize("password", ["", "pässword"])
def test_a_password_that_cannot_work_is_refused_at_the_start(password: str) -> None:
    environment = {**os.environ, "ATTACKACRACK_FLOWER_PASSWORD": password}
    done = subprocess.run(
        [sys.executable, "-m", "services.flower"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("settings refused: ATTACKACRACK_FLOWER_PASSWORD: ")
    assert not password or password not in done.stderr
