"""A drill with a real Prometheus: the shipped rules, on a running stack that is hurt until they fire and end."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import yaml

from services.cli.laptop.ports import free_ports
from tests.tools.demo_series import PROGRAM, ROOT
from tests.tools.ingress import wait_until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian's prometheus is not installed"),
]

RULES = ROOT / "charts" / "attackacrack" / "files" / "rules" / "attackacrack.yaml"


class Drill:
    """A running stack and the Prometheus that watches it."""

    def __init__(self, run_file: dict[str, Any], address: str) -> None:
        self.run_file = run_file
        self._address = address

    def firing(self) -> set[str]:
        answer = httpx.get(f"{self._address}/api/v1/alerts", timeout=30).json()
        return {each["labels"]["alertname"] for each in answer["data"]["alerts"] if each["state"] == "firing"}

    def value(self, query: str) -> float | None:
        answer = httpx.get(f"{self._address}/api/v1/query", params={"query": query}, timeout=30).json()
        found = answer["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def pids(self, role: str) -> list[int]:
        entry = self.run_file["roles"][role]
        return [entry["pid"], *(child["pid"] for child in entry["children"])]

    def signal(self, role: str, number: signal.Signals) -> None:
        for pid in self.pids(role):
            os.kill(pid, number)


def ended(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(timeout=90)


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    folder = tmp_path_factory.mktemp("drill")
    data = folder / "data"
    with (folder / "up.err").open("wb") as errors:
        stack = subprocess.Popen([str(PROGRAM), "up", "--data", str(data)], cwd=ROOT, stderr=errors)
    try:
        wait_until((data / "run.json").exists, within=240)
        run_file = json.loads((data / "run.json").read_text())
        prometheus, address = start_prometheus(folder, run_file)
        try:
            drill = Drill(run_file, address)
            wait_until(lambda: drill.value("attackacrack_schedule_missed") == 0, within=120)
            yield drill
        finally:
            ended(prometheus)
    finally:
        ended(stack)


def start_prometheus(folder: Path, run_file: dict[str, Any]) -> tuple["subprocess.Popen[bytes]", str]:
    [port] = free_ports(1)
    targets = [url.removeprefix("http://").removesuffix("/metrics") for url in run_file["metrics"].values()]
    config = {
        "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "attackacrack", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    command = ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/tsdb"]
    with (folder / "prometheus.err").open("wb") as errors:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=errors, cwd=folder)
    address = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        try:
            return httpx.get(f"{address}/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    wait_until(is_ready, within=60)
    return process, address


def fires(drill: Drill, alert: str, hurt: Callable[[], object]) -> None:
    assert alert not in drill.firing()
    hurt()
    wait_until(lambda: alert in drill.firing(), within=240)


def test_every_role_is_read(drill: Drill) -> None:
    wait_until(lambda: drill.value("sum(up)") == len(drill.run_file["metrics"]), within=60)
    assert drill.firing() == set()


def test_work_that_gives_up_rings(drill: Drill) -> None:
    def hurt() -> None:
        with redis.Redis.from_url(drill.run_file["urls"]["redis"]) as broker:
            broker.lpush("default", "no task of anybody's")

    fires(drill, "DeadLettersRising", hurt)


def test_a_broker_that_hangs_rings_and_is_silent_again(drill: Drill) -> None:
    fires(drill, "BrokerUnreachable", lambda: drill.signal("valkey", signal.SIGSTOP))
    drill.signal("valkey", signal.SIGCONT)
    wait_until(lambda: "BrokerUnreachable" not in drill.firing(), within=120)


def test_a_clock_that_hangs_rings_and_is_silent_again(drill: Drill) -> None:
    fires(drill, "ClockSilent", lambda: drill.signal("beat", signal.SIGSTOP))
    drill.signal("beat", signal.SIGCONT)
    wait_until(lambda: "ClockSilent" not in drill.firing(), within=120)
