"""The roles of a stack: what starts each, how it says that it is ready, and in which order they are ended.

What brings work in is ended first, then what does it, then what it talks to, and the stores last.
"""

import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.cli.laptop import postgres
from services.cli.laptop.identity import DATABASE_URL, TRACE_RECEIVER_PORT, Identity, database_urls
from services.cli.laptop.postgres import PostgresCluster
from services.cli.laptop.processes import RoleSpec
from services.cli.laptop.readiness import Probe, answers_http, wrote_file
from services.cli.laptop.valkey import ValkeyServer

NO_MORE: Mapping[str, str] = {}
SOURCES = Path(__file__).parents[3]
PRODUCER, WORKER, NEIGHBOUR, STORE = range(4)
PRODUCER_GRACE = timedelta(seconds=2)  # the workers behind them get what is left, which may be in the middle of a text
WORKERS = ("campaign_worker", "webhook_worker", "operations_worker")


def store_roles(cluster: PostgresCluster, valkey: ValkeyServer, *, base: Mapping[str, str]) -> list[RoleSpec]:
    """PostgreSQL and Valkey, both without the user's locale: some are unknown to the embedded builds."""
    environment = {**base, "LC_ALL": "C"}
    return [
        RoleSpec(
            name="postgres",
            command=cluster.command,
            is_ready=cluster.is_ready,
            environment=environment,
            stop_rank=STORE,
            stop_signal=postgres.STOP_SIGNAL,
            death_signal=postgres.DEATH_SIGNAL,
            unprivileged=cluster.unprivileged,
        ),
        RoleSpec(
            name="valkey",
            command=valkey.command,
            is_ready=lambda _pid: valkey.is_ready(),
            environment=environment,
            stop_rank=STORE,
        ),
    ]


def simulator_role(identity: Identity, *, data_dir: Path, provider_rate: float, base: Mapping[str, str]) -> RoleSpec:
    """The provider's double."""
    port = identity.ports["simulator"]
    command = (
        *(sys.executable, "-m", "services.provider_simulator", "--host", "127.0.0.1", "--port", str(port)),
        *("--ledger", str(ledger_path(data_dir)), "--state", str(data_dir / "simulator" / "state.jsonl")),
        *("--rate", f"{provider_rate:g}", "--api-key", identity.provider_api_key),
        *("--phone-number-id", identity.phone_number_id, "--phone-number", identity.phone_number),
    )
    return RoleSpec(
        name="provider_simulator",
        command=command,
        is_ready=answers_http(port, "/_simulator/health"),
        environment=_environment("provider_simulator", data_dir, base),
        stop_rank=NEIGHBOUR,
        working_dir=SOURCES,
    )


def trace_roles(identity: Identity, *, data_dir: Path, base: Mapping[str, str]) -> list[RoleSpec]:
    """The receiver of our own traces; none where the user named another place for them."""
    if TRACE_RECEIVER_PORT not in base:
        return []
    probe = answers_http(identity.ports["traces"], "/livez")
    # It is ended with the stores: everybody's last spans come as they end.
    receiver = _service(
        "trace_receiver", data_dir=data_dir, base=base, ports=identity.ports, is_ready=probe, stop_rank=STORE
    )
    return [receiver]


def service_roles(identity: Identity, *, data_dir: Path, base: Mapping[str, str]) -> list[RoleSpec]:
    """Our own roles; `base` is the stack's environment."""
    ports, logins = identity.ports, database_urls(identity)

    def service(name: str, *, more: Mapping[str, str] = NO_MORE, **options: Any) -> RoleSpec:
        own = {DATABASE_URL: logins[name]} if name in logins else {}
        return _service(name, data_dir=data_dir, base=base, ports=ports, more={**more, **own}, **options)

    return [
        *(service(name, stop_rank=WORKER, more={"REMAP_SIGTERM": "SIGQUIT"}) for name in WORKERS),
        service("webhook_ingress", is_ready=answers_http(ports["ingress"], "/readyz"), grace=PRODUCER_GRACE),
        service("console", is_ready=answers_http(ports["console"], "/readyz"), grace=PRODUCER_GRACE),
        service("beat", grace=PRODUCER_GRACE),
        service("flower", is_ready=answers_http(ports["flower"], "/healthcheck"), stop_rank=NEIGHBOUR),
    ]


def ledger_path(data_dir: Path) -> Path:
    """Where the simulator writes down every text it took."""
    return data_dir / "simulator" / "ledger.jsonl"


def _service(
    name: str,
    *,
    data_dir: Path,
    base: Mapping[str, str],
    ports: Mapping[str, int],
    is_ready: Probe | None = None,
    stop_rank: int = PRODUCER,
    grace: timedelta = timedelta(seconds=10),
    more: Mapping[str, str] | None = None,
) -> RoleSpec:
    run_dir = _run_dir(name, data_dir)
    return RoleSpec(
        name=name,
        command=(sys.executable, "-m", f"services.{name}"),
        is_ready=is_ready or wrote_file(run_dir / "ready"),
        environment={**_environment(name, data_dir, base), **_metrics(name, ports), **(more or {})},
        stop_rank=stop_rank,
        grace=grace,
        run_dir=run_dir,
        working_dir=SOURCES,
    )


def _environment(name: str, data_dir: Path, base: Mapping[str, str]) -> dict[str, str]:
    return {
        **{variable: value for variable, value in base.items() if variable != DATABASE_URL},  # it is the owner's
        "PYTHONUNBUFFERED": "1",
        "ATTACKACRACK_SERVICE_NAME": name.replace("_", "-"),
        "ATTACKACRACK_RUN_DIR": str(_run_dir(name, data_dir)),
    }


def _metrics(name: str, ports: Mapping[str, int]) -> dict[str, str]:
    port = ports.get(f"metrics_{name}")
    return {"ATTACKACRACK_METRICS_PORT": str(port)} if port else {}


def _run_dir(name: str, data_dir: Path) -> Path:
    return data_dir / "run" / name
