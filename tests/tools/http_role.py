"""A role that serves HTTP as tests use it: a real process, a client, and sockets for odd requests."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import httpx

from tests.tools.waiting import wait_until

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def request(body: bytes = b"", *, method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """A request as bytes, for sockets."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Reply:
    """One response as it came over a socket."""

    def __init__(self, content: bytes) -> None:
        head, _, rest = content.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status.split(" ")[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(self.headers.get("content-length", "0"))
        self.body, self.rest = rest[:length], rest[length:]

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        return dict(json.loads(self.body))


class HttpRole:
    """One `python -m services.ROLE` on a free port; `start` after `kill` brings it back on the same."""

    role: ClassVar[str]
    port_setting: ClassVar[str]

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{self.role}.log"
        own = {self.port_setting: str(self.port)} | settings
        self._environment = {f"ATTACKACRACK_{name.upper()}": value for name, value in own.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    @property
    def pid(self) -> int:
        assert self._process is not None, f"the {self.role} is not running"
        return self._process.pid

    def start(self, *, failpoints: str = "") -> None:
        """Start it and wait until it is ready."""
        foreign = {name: value for name, value in os.environ.items() if not name.startswith("ATTACKACRACK_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"services.{self.role}"],
                env=foreign | self._environment | {"ATTACKACRACK_FAILPOINTS": failpoints},
                stdout=log,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
            )
        wait_until(self._has_started, what=self.log.read_text)

    def _has_started(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the {self.role} ended at its start:\n{self.log.read_text()}"
        return self.is_ready()

    def is_ready(self) -> bool:
        try:
            return self._client.get("/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and wait; the exit code."""
        assert self._process is not None, f"the {self.role} is not running"
        self._process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended by itself; the exit code."""
        assert self._process is not None, f"the {self.role} is not running"
        code = self._process.wait(timeout=30)
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None:
            self.end(signal.SIGKILL)
        self._client.close()

    def call(self, method: str, target: str, **options: Any) -> httpx.Response:
        return self._client.request(method, target, **options)

    def connect(self, *, timeout: float = 20) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def exchange(self, content: bytes, *, half_close: bool = False) -> Reply:
        """Send the bytes as they are and read one response."""
        with self.connect() as connection:
            connection.sendall(content)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            return read_reply(connection)

    def forget_peak(self) -> None:
        """Let `peak_memory` begin anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak_memory(self) -> int:
        """The most bytes that it had in memory at once."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024


def read_reply(connection: socket.socket) -> Reply:
    """The next response on the connection."""
    content = b""
    while not _is_whole(content):
        chunk = connection.recv(65536)
        assert chunk, f"the connection ended after {content!r}"
        content += chunk
    return Reply(content)


def _is_whole(content: bytes) -> bool:
    if b"\r\n\r\n" not in content:
        return False
    head, _, rest = content.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        return True
    lines = head.lower().split(b"\r\n")
    length = next((int(line[16:]) for line in lines if line.startswith(b"content-length: ")), 0)
    return len(rest) >= length
