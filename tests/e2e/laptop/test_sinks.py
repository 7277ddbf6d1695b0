"""Personal data stays in PostgreSQL: names, numbers and words of a campaign are looked for in everything else."""

import gzip
import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
import redis

from tests.tools.demo_series import running_demo

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

PEOPLE = 40
NAME, CITY = "Zebulonka", "Quixborough"
SAID = ("take me off", "stop texting", "call me tomorrow", "not interested", "inspection cost")
OURS = (*("beat", "campaign_worker", "console", "flower", "operations_worker", "webhook_ingress", "webhook_worker"),)
BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")


class Collector:
    """An OTLP endpoint that keeps every byte it is sent, unpacked."""

    def __init__(self) -> None:
        bodies: list[bytes] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                bodies.append(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.bodies = bodies
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    started = Collector()
    monkeypatch.setenv("ATTACKACRACK_OTLP_ENDPOINT", started.url)
    yield started
    started.close()


@contextmanager
def overheard(url: str) -> Iterator[list[bytes]]:
    """Every command that the broker gets meanwhile: tasks, results, events."""
    heard: list[bytes] = []
    stopping = Event()
    client = redis.Redis.from_url(url)

    def listen() -> None:
        with client.monitor() as monitor:
            while not stopping.is_set():
                try:
                    heard.append(monitor.next_command()["command"].encode())
                except (redis.RedisError, OSError, ValueError):
                    return  # the stack has stopped

    thread = Thread(target=listen, daemon=True)
    thread.start()
    yield heard
    stopping.set()
    thread.join(10)
    client.close()


def readable(raw: bytes) -> bytes:
    """The bytes, with what is base64 or gzip in them behind them."""
    found = [raw]
    for packed in BASE64.findall(raw):
        try:
            plain = b64decode(packed)
            found.append(zlib.decompress(plain, wbits=31) if plain[:2] == b"\x1f\x8b" else plain)
        except (ValueError, zlib.error):
            continue
    return b"\n".join(found)


def hits(sinks: dict[str, bytes], canaries: set[str]) -> list[tuple[str, str]]:
    return [
        (sink, canary)
        for sink, content in sinks.items()
        for canary in sorted(canaries)
        if canary.casefold() in content.decode(errors="replace").casefold()
    ]


def is_event(line: bytes) -> bool:
    try:
        said: dict[str, object] = json.loads(line)
    except ValueError:
        return False
    return {"event", "level", "logger", "timestamp", "service"} <= said.keys()


def write_people(path: Path) -> set[str]:
    """An audience whose names and cities nobody else has; answers what to look for."""
    numbers = [f"+1212555{1000 + index}" for index in range(PEOPLE)]
    rows = [f"{number},{NAME}{index},{CITY}" for index, number in enumerate(numbers)]
    path.write_text("\n".join(["phone,first_name,city", *rows, ""]))
    return {NAME, CITY, *SAID, *numbers, *(number[2:] for number in numbers)}


def flower_says(run_file: dict[str, Any], folder: Path) -> bytes:
    password = re.search(r"FLOWER_PASSWORD=(\S+)", (folder / "settings.env").read_text())
    assert password is not None
    with httpx.Client(base_url=run_file["urls"]["flower"], auth=("operator", password[1]), timeout=30) as client:
        return b"\n".join(client.get(path).content for path in ("/api/tasks", "/api/workers", "/tasks", "/metrics"))


def test_nothing_personal_is_in_any_sink(tmp_path: Path, collector: Collector) -> None:
    contacts, folder = tmp_path / "contacts.csv", tmp_path / "data"
    canaries = write_people(contacts)
    with running_demo(folder, contacts) as demo:
        run_file = demo.run_file()
        secrets = {run_file["api_token"], *run_file["webhook_secrets"].values()}
        with overheard(run_file["urls"]["redis"]) as heard:
            demo.wait_for(lambda: demo.texts() >= PEOPLE // 2, 300, "half of the texts")
            flower = flower_says(run_file, folder)
            metrics = b"\n".join(httpx.get(url, timeout=30).content for url in run_file["metrics"].values())
            code, table = demo.result()
    assert code == 0, demo.said()
    assert table["replies"] > 0, "people wrote back"
    logs = {path.name: path.read_bytes() for path in (folder / "logs").iterdir() if path.name != "postgres.log"}
    sinks = {
        **logs,
        "collector": b"\n".join(collector.bodies),
        "broker": readable(b"\n".join(heard)),
        "flower": flower,
        "metrics": metrics,
    }
    assert b"message.send" in sinks["collector"], "spans arrived"
    assert b"send_campaign_message" in sinks["broker"]
    assert b"attackacrack_messages_transitions_total" in sinks["metrics"]
    assert b"message." in logs["campaign_worker.log"]
    assert hits(sinks, canaries | secrets) == []
    bare = [(name, line) for name in OURS for line in logs[f"{name}.log"].splitlines() if not is_event(line)]
    assert bare == [], "every line of every role came through the one formatter"


def test_what_is_packed_would_be_found() -> None:
    packed = b64encode(gzip.compress(b'[["the number is +12125551000, the name Zebulonka"]]'))
    assert hits({"broker": readable(b'{"body": "' + packed + b'"}')}, {NAME, "Nobody"}) == [("broker", NAME)]
