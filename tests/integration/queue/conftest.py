"""Real workers on the embedded Valkey, watched through their files and the broker's own counts."""

import contextlib
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis import Redis

from services.core.queue.enqueue import Broker
from services.core.queue.inspection import Inspector
from services.core.runtime.settings import Settings, read_settings
from tests.conftest import ValkeyProcess
from tests.tools.waiting import wait_until
from tests.tools.world_fixtures import make_world, simulator_process, world

__all__ = ["make_world", "simulator_process", "world"]

ROOT = Path(__file__).parents[3]
QUICK: dict[str, float] = {
    "soft_limit": 20,
    "hard_limit": 21,
    "soft_shutdown": 21,
    "visibility": 60,
    "restore_every": 0.5,
    "child_lost_after": 0.2,
    "retry_first": 0.1,
    "retry_longest": 0.2,
    "put_back_pause": 0.2,
    "health_check": 2,
    "heartbeat_tick": 0.1,
    "heartbeat_write": 0.1,
    "consumer_stalled_after": 2,
    "reconnect_stalled_after": 30,
}


class WorkerProcess:
    """One worker with its folder: journal, probe files, log."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.folder = folder
        self._redis_url = redis_url
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, pool: str, *, concurrency: int = 2, ready: bool = True, **times: float) -> "WorkerProcess":
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "journal").touch()
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "ATTACKACRACK_REDIS_URL": self._redis_url,
            "ATTACKACRACK_WORKER_CONCURRENCY": str(concurrency),
        }
        script = str(Path(__file__).with_name("worker_process.py"))
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, script, pool, str(self.folder), json.dumps(QUICK | times)],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=ROOT,
            )
        if ready:
            wait_until(lambda: self.has("ready")() or not self.is_running)
            assert self.is_running, (self.folder / "log").read_text()[-3000:]
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def kill_all(self) -> None:
        """End the worker and its pool at once, as a lost node would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=10)

    def ended(self, *, within: float) -> int:
        return self.process.wait(timeout=within)

    def has(self, name: str) -> Callable[[], bool]:
        return (self.folder / name).exists

    def age(self, name: str) -> float:
        return time.time() - (self.folder / name).stat().st_mtime

    def events(self, event: str, first_id: str | None = None) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in (self.folder / "journal").read_text().splitlines()]
        known = {line["task_id"]: line["args"] for line in lines if "args" in line}
        return [
            line for line in lines if line["event"] == event and first_id in (None, *known.get(line["task_id"], [])[:1])
        ]

    def release(self, name: str) -> None:
        (self.folder / name).touch()


@pytest.fixture
def queue_settings(valkey_server: ValkeyProcess) -> Settings:
    return read_settings(redis_url=valkey_server.url)


@pytest.fixture
def broker(queue_settings: Settings) -> Iterator[Broker]:
    opened = Broker(queue_settings)
    yield opened
    opened.close()


@pytest.fixture
def inspector(queue_settings: Settings) -> Iterator[Inspector]:
    opened = Inspector(queue_settings)
    yield opened
    opened.close()


@pytest.fixture
def redis_client(valkey_server: ValkeyProcess) -> Iterator[Redis]:
    with Redis.from_url(valkey_server.url, decode_responses=True) as client:
        yield client


NewWorker = Callable[..., WorkerProcess]


@pytest.fixture
def new_worker(tmp_path: Path, valkey_server: ValkeyProcess, request: pytest.FixtureRequest) -> Iterator[NewWorker]:
    """Makes workers that share one folder; they are ended with the test, and their log is shown when it fails."""
    made: list[WorkerProcess] = []

    def make(name: str = "worker") -> WorkerProcess:
        made.append(WorkerProcess(tmp_path / name, valkey_server.url))
        return made[-1]

    yield make
    for worker in made:
        worker.kill_all()
        sys.stdout.write((worker.folder / "log").read_text()[-6000:])


@pytest.fixture
def slow_line() -> Iterator[Callable[..., str]]:
    """Makes a URL of the same server behind a line that holds each answer back for `delay` seconds."""
    servers: list[socketserver.ThreadingTCPServer] = []

    def make(url: str, *, delay: float) -> str:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        upstream = (parts.hostname, parts.port)

        class Line(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(upstream) as server:
                    while request := self.request.recv(65536):
                        server.sendall(request)
                        answer = server.recv(65536)
                        time.sleep(delay)
                        self.request.sendall(answer)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line)
        server.daemon_threads = True
        server.block_on_close = False
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return url.replace(f":{parts.port}", f":{server.server_address[1]}")

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()
