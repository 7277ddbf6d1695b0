"""A running stack with a public address, and the Prometheus that watches it by the shipped rules."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg
import yaml

from services.cli.laptop.ports import free_ports
from services.core.domain.sending_window import next_business_day
from tests.tools.demo_series import PROGRAM, ROOT, running_stack
from tests.tools.public_address import PublicAddress
from tests.tools.waiting import wait_until

RULES = ROOT / "charts" / "attackacrack" / "files" / "rules" / "attackacrack.yaml"
SHORTER = 60
SHORTEST_SECONDS = 5
SECONDS = {"m": 60, "h": 3600}
SPAN = re.compile(r"(for: |\[)(\d+)([mh])\b")
BUSINESS = ZoneInfo("America/New_York")
SCRAPE = "1s"
NO_LABELS: Mapping[str, str] = {}
_numbers = count(1000)


def shortened(rules: str) -> str:
    """The rules with what Prometheus measures by its own clock shortened: `for` and the windows of `increase`.

    All that is compared with the product's own seconds stays; for that the drills step product time.
    """

    def shorter(match: re.Match[str]) -> str:
        seconds = int(match[2]) * SECONDS[match[3]]
        return f"{match[1]}{max(seconds // SHORTER, SHORTEST_SECONDS)}s"

    return SPAN.sub(shorter, rules)


@dataclass(frozen=True, slots=True)
class WatchedStack:
    """What a drill does to a stack, and what it sees of it."""

    data: Path
    public: PublicAddress
    prometheus: str

    @property
    def run_file(self) -> dict[str, Any]:
        """As it is now: pools replace their processes."""
        return dict(json.loads((self.data / "run.json").read_text()))

    def firing(self) -> list[dict[str, str]]:
        """The labels of each alert that fires."""
        answer = httpx.get(f"{self.prometheus}/api/v1/alerts", timeout=30).json()
        return [each["labels"] for each in answer["data"]["alerts"] if each["state"] == "firing"]

    def rings(self, alert: str, labels: Mapping[str, str] = NO_LABELS) -> bool:
        wanted = {"alertname": alert, **labels}
        return any(wanted.items() <= found.items() for found in self.firing())

    def wait_until_rings(self, alert: str) -> None:
        wait_until(lambda: self.rings(alert), within=240)

    def value(self, query: str) -> float | None:
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": query}, timeout=30).json()
        found = answer["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def wait_for(self, query: str, value: float) -> None:
        wait_until(lambda: self.value(query) == value, within=120)

    def act(self, *words: str) -> Any:
        """What a verb of the command line answers."""
        command = [str(PROGRAM), *words, "--data", str(self.data), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr or done.stdout}"
        return json.loads(done.stdout)

    def step(self, duration: str) -> None:
        """Move product time, the provider's too."""
        self.act("clock", "move", "--by", duration)

    def step_to_business_hours(self) -> None:
        """Move product time to eleven o'clock of the next business day."""
        now = datetime.fromisoformat(self.act("clock", "show")["product_now"])
        day = next_business_day(now.astimezone(BUSINESS).date())
        self.act("clock", "move", "--to", datetime.combine(day, time(11), BUSINESS).isoformat())

    def text_somebody(self) -> None:
        """Start a campaign to one new person, in business hours."""
        self.step_to_business_hours()
        self.start_campaign(new_numbers(1))

    def start_campaign(self, numbers: list[str], *, at_once: int = 100) -> str:
        """Text so many of these people now, and others every half hour; the campaign's name."""
        name = f"Drill {numbers[0]}"
        path = self.data.parent / "people.csv"
        path.write_text("\n".join(["phone", *numbers, ""]))
        imported = self.act("contacts", "import", str(path), "--confirm")["import_id"]
        template = ("--template", "A free check of your foundation. Reply STOP to opt out.")
        pace = ("--batch-size", str(at_once), "--batch-every", "PT30M")
        self.act("campaigns", "create", "--name", name, *template, "--import", str(imported), *pace)
        self.act("campaigns", "start", name, "--plan", self.act("campaigns", "plan", name)["plan_hash"])
        return name

    def simulator(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """A switch of the simulated provider."""
        url = f"{self.run_file['urls']['simulator']}/_simulator{path}"
        answer = httpx.request(method, url, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def signal(self, role: str, number: signal.Signals) -> None:
        """To the role's process and its children."""
        entry = self.run_file["roles"][role]
        for pid in (entry["pid"], *(child["pid"] for child in entry["children"])):
            os.kill(pid, number)

    def hang(self, *roles: str) -> None:
        for role in roles:
            self.signal(role, signal.SIGSTOP)

    def go_on(self, *roles: str) -> None:
        for role in roles:
            self.signal(role, signal.SIGCONT)

    def database(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(self.run_file["urls"]["database"], autocommit=True)


def new_numbers(many: int) -> list[str]:
    """Numbers that no drill has used."""
    return [f"+1212555{next(_numbers):04d}" for _ in range(many)]


@contextmanager
def watched_stack(folder: Path) -> Iterator[WatchedStack]:
    """Stack, public address and Prometheus, the first measurements taken; all are ended after the block."""
    data, public = folder / "data", PublicAddress(folder)
    named = {"ATTACKACRACK_INGRESS_URL": public.url, "SSL_CERT_FILE": str(public.authority)}
    try:
        with running_stack(data, environment=named) as running:
            run_file = running.run_file()
            public.ingress = f"{run_file['urls']['ingress']}/webhooks/openphone"
            with running_prometheus(folder, list(run_file["metrics"].values())) as address:
                stack = WatchedStack(data, public, address)
                stack.wait_for("attackacrack_schedule_missed", 0)
                yield stack
    finally:
        public.close()


@contextmanager
def running_prometheus(folder: Path, metrics: list[str]) -> Iterator[str]:
    """Reads these addresses every second; answers its own."""
    [port] = free_ports(1)
    targets = [url.removeprefix("http://").removesuffix("/metrics") for url in metrics]
    (folder / "rules.yaml").write_text(shortened(RULES.read_text()))
    config = {
        "global": {"scrape_interval": SCRAPE, "evaluation_interval": SCRAPE},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "attackacrack", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    command = ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/tsdb"]
    address = f"http://127.0.0.1:{port}"
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    with (folder / "prometheus.err").open("wb") as errors, subprocess.Popen(command, stderr=errors) as process:
        try:
            wait_until(lambda: _answers(f"{address}/-/ready"))
            yield address
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
