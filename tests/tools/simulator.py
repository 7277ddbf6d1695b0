"""The provider simulator as tests use it: a real process on a free port, and its switches as methods."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.tools.waiting import wait_until

STOP_LIMIT_SECONDS = 10
QUICK = {"latency_min": 0, "latency_max": 0, "sent_after": 0.02, "delivered_min": 0.03, "delivered_max": 0.05}
Parameter = str | int | bool | list[str]
Parameters = dict[str, Parameter]
DATED = {"Quo-Api-Version": "2026-03-30"}


class RunningSimulator:
    """One simulator process; `call` speaks to the provider's API, the other methods to `/_simulator`."""

    def __init__(self, folder: Path, options: dict[str, object]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = int(str(options.pop("port", 0))) or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ledger = folder / "ledger.jsonl"
        self.inbound_ledger = folder / "ledger.jsonl.inbound"
        self.log = folder / "simulator.log"
        self.api_key = "key-of-a-test"
        self.phone_number_id = "PNq7Rk2LmZx"
        self.phone_number = "+12025550100"
        self._options = QUICK | {
            "port": self.port,
            "ledger": self.ledger,
            "api_key": self.api_key,
            "phone_number_id": self.phone_number_id,
            "phone_number": self.phone_number,
            "rate": 1000,
        }
        self._options |= options
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    @property
    def pid(self) -> int:
        assert self._process is not None, "the simulator is not running"
        return self._process.pid

    def start(self) -> None:
        """Start it, on the same port and files as before, and wait until it is healthy."""
        arguments = [part for name, value in self._options.items() for part in _argument(name, value)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ATTACKACRACK_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.provider_simulator", *arguments],
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        wait_until(self._is_healthy, what=self.log.read_text)

    def stop(self) -> int:
        """End it in order; its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would; `start` brings it back."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        if self._process is not None:
            self.stop()
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Parameters | None = None,
        timeout: float = 30,
    ) -> httpx.Response:
        """A request to the provider's API with the right key, and the version header off `/v1`."""
        headers = {"Authorization": self.api_key} | ({} if path.startswith("/v1/") else DATED)
        return self._client.request(method, path, json=body, params=params, headers=headers, timeout=timeout)

    def send(self, to: str | list[str], content: str = "Hello", *, timeout: float = 30) -> httpx.Response:
        recipients = [to] if isinstance(to, str) else to
        body = {"from": self.phone_number_id, "to": recipients, "content": content}
        return self.call("POST", "/v1/messages", body=body, timeout=timeout)

    def control(self, method: str, path: str, body: object = None, **params: Parameter) -> httpx.Response:
        """A request under `/_simulator`; raises for a status that is not 2xx."""
        reply = self._client.request(method, f"/_simulator{path}", json=body, params=dict(params))
        reply.raise_for_status()
        return reply

    def add_fault(self, kind: str, **rule: object) -> str:
        """Spoil requests until removed or, with `times`, so many of them; the rule's id."""
        return str(self.control("POST", "/faults", {"kind": kind, **rule}).json()["id"])

    def hurry_deliveries(self) -> int:
        """Have every pending delivery attempted now; how many those are."""
        return int(self.control("POST", "/deliveries/hurry").json()["attempted"])

    def clear_faults(self) -> None:
        self.control("DELETE", "/faults")

    def behave(self, number: str, **behaviour: object) -> None:
        """`delivery`, `error_code`, `replies=[{"reply": ..., "after": seconds, "probability": p}]`."""
        self.control("PUT", f"/contacts/{number}", behaviour)

    def distribute(self, behaviours: list[dict[str, object]], seed: int = 0) -> None:
        self.control("PUT", "/contacts", {"behaviours": behaviours, "seed": seed})

    def behave_webhooks(self, **behaviour: object) -> None:
        self.control("PUT", "/webhook-behaviour", behaviour)

    def register_webhook(self, url: str, *, scheme: str = "standard", key: str = "") -> dict[str, object]:
        """A webhook of all message events; what the provider shows of it, `key` included."""
        registered = self.control("POST", "/webhooks", {"scheme": scheme, "url": url, "key": key}).json()
        assert isinstance(registered, dict)
        return registered

    def inject_inbound(self, sender: str, content: str) -> dict[str, object]:
        """A text from a person, now; the message."""
        message = self.control("POST", "/inbound", {"from": sender, "content": content}).json()
        assert isinstance(message, dict)
        return message

    def move_clock(self, offset_seconds: float) -> None:
        self.control("PUT", "/clock", {"offset_seconds": offset_seconds})

    def reset(self, *, keep_webhooks: bool = True) -> None:
        self.control("POST", "/reset", keep_webhooks=keep_webhooks)

    def state(self) -> dict[str, object]:
        state = self.control("GET", "/state").json()
        assert isinstance(state, dict)
        return state

    def messages(self, to: str | None = None) -> list[dict[str, object]]:
        """Of both directions, oldest first; of one person with `to`."""
        return list(self.control("GET", "/messages", **({"to": to} if to else {})).json())

    def deliveries(self, **filters: Parameter) -> list[dict[str, object]]:
        return list(self.control("GET", "/deliveries", **filters).json())

    def requests_per_second(self) -> list[dict[str, int]]:
        return list(self.control("GET", "/requests-per-second").json())

    def lines(self, kind: str | None = None) -> list[dict[str, object]]:
        """The ledger as it is on the disk: `text`, `request`, and of the file beside it `inbound`, `webhook`."""
        paths = [path for path in (self.ledger, self.inbound_ledger) if path.exists()]
        found = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
        return [line for line in found if kind in (None, line["kind"])]

    def _is_healthy(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the simulator ended at its start:\n{self.log.read_text()}"
        try:
            return self._client.get("/_simulator/health").status_code == 200
        except httpx.TransportError:
            return False

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None, "the simulator is not running"
        self._process.send_signal(number)
        code = self._process.wait(timeout=STOP_LIMIT_SECONDS)
        self._process = None
        return code


@contextmanager
def running_simulator(folder: Path, **options: object) -> Iterator[RunningSimulator]:
    """A simulator of the test's own; `options` are those of its command line, with underscores.

    Unless told otherwise it answers without latency, delivers within 50 ms and allows 1000 requests a second.
    """
    simulator = RunningSimulator(folder, options)
    try:
        simulator.start()
        yield simulator
    finally:
        simulator.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _argument(name: str, value: object) -> list[str]:
    return ["--" + name.replace("_", "-"), str(value)]
