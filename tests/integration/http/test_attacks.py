"""Each attack on each server: its memory stays within the pod's, and honest people are answered rightly meanwhile."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import yaml

from services.core.domain.access import Role
from tests.tools.attacker import ATTACKS
from tests.tools.console import ConsoleProcess
from tests.tools.http_role import ROOT, HttpRole, request
from tests.tools.ingress import JSON, PATH, RunningIngress, body_of, new_delivery_id, received, standard

VALUES = yaml.safe_load((ROOT / "charts" / "attackacrack" / "values.yaml").read_text())
MEBIBYTE = 1024 * 1024
ROUNDS = 2
PATIENCE_SECONDS = 30
"""Of an honest client; how long it really waited is in the run's output."""

Act = Callable[[httpx.Client], None]


@contextmanager
def attacked(server: HttpRole, attack: str, content: bytes) -> Iterator[dict[str, Any]]:
    """The attack stands within the block; behind it the answer says what it came to."""
    score: dict[str, Any] = {}
    command = [sys.executable, "-m", "tests.tools.attacker", attack, str(server.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as attacker:
        assert attacker.stdin is not None
        assert attacker.stdout is not None
        attacker.stdin.write(b"%d\n%s" % (len(content), content))
        attacker.stdin.flush()
        assert attacker.stdout.readline() == b"stands\n"
        try:
            yield score
        finally:
            attacker.stdin.close()
            score.update(json.loads(attacker.stdout.read()))


def memory_limit(component: str) -> int:
    limit = VALUES[component]["resources"]["limits"]["memory"]
    assert limit.endswith("Mi")
    return int(limit[:-2]) * MEBIBYTE


def check_delivery(ingress: RunningIngress) -> Act:
    def deliver(client: httpx.Client) -> None:
        body, delivery_id = body_of(received()), new_delivery_id()
        answer = client.post(PATH, content=body, headers=JSON | standard(body, delivery_id=delivery_id))
        assert (answer.status_code, answer.json()["status"]) == (200, "stored")
        assert len(ingress.rows(delivery_id)) == 1

    return deliver


def check(method: str, target: str, shown: dict[str, Any], **options: Any) -> Act:
    """An act whose answer is 200 and shows at least this."""

    def act(client: httpx.Client) -> None:
        answer = client.request(method, target, **options)
        assert answer.status_code == 200, answer.text
        assert shown.items() <= answer.json().items()

    return act


PROBES = [check("GET", "/livez", {"status": "alive"}), check("GET", "/readyz", {"status": "ready"})]


def withstands(server: HttpRole, attack: str, content: bytes, acts: list[Act], report: Callable[[str], None]) -> int:
    """Do each act on a new connection while the attack stands; the server's peak memory."""
    server.forget_peak()
    slowest = 0.0
    with attacked(server, attack, content) as score:
        for act in acts * ROUNDS:
            began = time.monotonic()
            with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
                act(client)
            slowest = max(slowest, time.monotonic() - began)
    peak = server.peak_memory()
    report(f"{server.role:15} {attack:28} slowest answer {slowest:6.3f} s, peak {peak // MEBIBYTE:4} MiB, {score}")
    return peak


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {line}")

    return write


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_ingress_withstands(ingress: RunningIngress, attack: str, report: Callable[[str], None]) -> None:
    content = request(b"{}", method="POST", target=PATH, headers={"host": "a", "content-length": "2"})
    acts = [check_delivery(ingress), *PROBES]
    assert withstands(ingress, attack, content, acts, report) < memory_limit("webhookIngress")


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_console_withstands(console: ConsoleProcess, attack: str, report: Callable[[str], None]) -> None:
    stranger = {"host": "a", "authorization": "Bearer aac_guessed", "content-length": "2"}
    content = request(b"{}", method="POST", target="/api/v1/sending/stop", headers=JSON | stranger)
    stop = {"json": {"reason": "an attack"}, "headers": console.authorization(Role.OPERATOR)}
    acts = [
        check("POST", "/api/v1/sending/stop", {"reason": "an attack"}, **stop),
        check("GET", "/api/v1/sending", {}, headers=console.authorization(Role.VIEWER)),
        *PROBES,
    ]
    assert withstands(console, attack, content, acts, report) < memory_limit("console")
