"""The webhook ingress as tests use it: a real process, the provider's signatures, and sockets for odd requests."""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg

ROOT = Path(__file__).parents[2]
PATH = "/webhooks/openphone"
START_LIMIT_SECONDS = 30
STANDARD = "whsec_" + base64.b64encode(b"the standard key in use").decode()
PREVIOUS = "whsec_" + base64.b64encode(b"the one before rotation").decode()
RETIRED = "whsec_" + base64.b64encode(b"a key that was retired.").decode()
LEGACY = base64.b64encode(b"\xff legacy key, high bytes").decode()
JSON = {"content-type": "application/json"}
_numbers = count(1)

MESSAGE = {
    "apiVersion": "2026-03-30",
    "type": "message.received",
    "data": {
        "resource": {"direction": "incoming", "text": "", "media": [], "status": "received"},
        "context": {
            "orgId": "ORk3Vw9ZtQ1",
            "phoneNumberId": "PNq7Rk2LmZx",
            "conversationId": "CN5d0c8f1e7a2b4c39b6e1f0a2d4c87e13",
            "contacts": {"ids": [], "lookupStatus": "matched"},
            "senderIdentifier": "",
            "recipientIdentifiers": ["+12025550100"],
        },
    },
}


def wait_until(condition: Callable[[], Any], *, within: float = 10) -> Any:
    """What `condition` answers once it is true; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.01)
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def received(
    text: str = "Yes, 3pm works for me.", *, sender: str = "+12025550143", **members: object
) -> dict[str, Any]:
    """A text from a person; `members` replace those of the envelope."""
    number = next(_numbers)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document: dict[str, Any] = deepcopy(MESSAGE) | {"id": f"EV{number:032d}", "createdAt": now}
    document["data"]["resource"] |= {"id": f"AC{number:032d}", "text": text, "createdAt": now}
    document["data"]["context"] |= {"senderIdentifier": sender}
    return document | members


def body_of(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def new_delivery_id() -> str:
    return f"msg_{os.getpid()}_{next(_numbers)}"


def signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def standard(
    body: bytes,
    *,
    secrets: tuple[str, ...] = (STANDARD,),
    delivery_id: str | None = None,
    late: timedelta = timedelta(0),
    timestamp: str | None = None,
) -> dict[str, str]:
    """The headers of a delivery signed `late` ago with each of the `secrets`."""
    delivery_id = new_delivery_id() if delivery_id is None else delivery_id
    timestamp = timestamp if timestamp is not None else str(int(time.time() - late.total_seconds()))
    signed = f"{delivery_id}.{timestamp}.".encode("latin-1") + body
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature(secret, signed)}" for secret in secrets),
    }


def legacy(body: bytes, *, secret: str = LEGACY, late: timedelta = timedelta(0)) -> dict[str, str]:
    timestamp = str(int((time.time() - late.total_seconds()) * 1000))
    return {"openphone-signature": f"hmac;1;{timestamp};{signature(secret, timestamp.encode() + b'.' + body)}"}


def request(body: bytes = b"", *, method: str = "POST", target: str = PATH, headers: Mapping[str, str]) -> bytes:
    """A request as bytes, for sockets."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def signed_request(body: bytes, **options: Any) -> bytes:
    """A whole, honest delivery as bytes."""
    return request(
        body, headers={"host": "ingress", **JSON, **standard(body, **options), "content-length": str(len(body))}
    )


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


class RunningIngress:
    """One `python -m services.webhook_ingress` on a free port; `start` after `kill` brings it back on the same."""

    def __init__(self, folder: Path, *, database_url: str, redis_url: str, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "ingress.log"
        self.database_url = database_url
        self._environment = {
            "ATTACKACRACK_DATABASE_URL": database_url,
            "ATTACKACRACK_REDIS_URL": redis_url,
            "ATTACKACRACK_INGRESS_PORT": str(self.port),
            "ATTACKACRACK_WEBHOOK_SECRETS_STANDARD": f"{STANDARD},{PREVIOUS}",
            "ATTACKACRACK_WEBHOOK_SECRETS_LEGACY": LEGACY,
        } | {f"ATTACKACRACK_{name.upper()}": value for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    @property
    def pid(self) -> int:
        assert self._process is not None, "the ingress is not running"
        return self._process.pid

    def start(self, *, failpoints: str = "") -> None:
        """Start it and wait until it is ready."""
        foreign = {name: value for name, value in os.environ.items() if not name.startswith("ATTACKACRACK_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.webhook_ingress"],
                env=foreign | self._environment | {"ATTACKACRACK_FAILPOINTS": failpoints},
                stdout=log,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while not self.is_ready():
            assert self._process.poll() is None, f"the ingress ended at its start:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"the ingress was not ready in time:\n{self.log.read_text()}"
            time.sleep(0.02)

    def is_ready(self) -> bool:
        try:
            return self._client.get("/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and wait; the exit code."""
        assert self._process is not None, "the ingress is not running"
        self._process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended by itself; the exit code."""
        assert self._process is not None, "the ingress is not running"
        code = self._process.wait(timeout=30)
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None:
            self.end(signal.SIGKILL)
        self._client.close()

    def post(self, body: bytes, headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        """Deliver; without `headers` honestly signed."""
        return self._client.post(
            PATH, content=body, headers=JSON | dict(standard(body) if headers is None else headers), **options
        )

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

    def rows(self, delivery_id: str | None = None) -> list[dict[str, Any]]:
        """What is in the inbox, oldest first."""
        where = "WHERE delivery_id = %(id)s" if delivery_id is not None else ""
        return self.query(f"SELECT * FROM inbox {where} ORDER BY id", id=delivery_id)  # noqa: S608

    def query(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        url = self.database_url.replace("+psycopg", "")
        with psycopg.connect(url, row_factory=psycopg.rows.dict_row, autocommit=True) as connection:
            return connection.execute(statement.encode(), values).fetchall()


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
