"""Every role of a stack gets the command, environment and place in the stopping order that its folder expects."""

import sys
from pathlib import Path

import pytest

from services.cli.laptop.identity import DATABASE_URL, MEASURED, PORTS, Identity, database_urls
from services.cli.laptop.processes import RoleSpec
from services.cli.laptop.roles import SOURCES, service_roles, simulator_role, trace_roles

IDENTITY = Identity(
    ports={name: 20_000 + number for number, name in enumerate(PORTS)},
    postgres_password="a",
    valkey_password="b",
    provider_api_key="key",
    phone_number_id="PN1",
    phone_number="+12125550100",
    webhook_secret_standard="whsec_c",
    webhook_secret_legacy="d",
    flower_password="e",
    api_token="f",
)
DATA_DIR = Path("/data")
LOGINS = database_urls(IDENTITY)
ROLES = {role.name: role for role in service_roles(IDENTITY, data_dir=DATA_DIR, base={"BASE": "kept"})}


@pytest.mark.parametrize(
    ("name", "service_name", "is_worker"),
    [
        ("webhook_ingress", "webhook-ingress", False),
        ("console", "console", False),
        ("campaign_worker", "campaign-worker", True),
        ("webhook_worker", "webhook-worker", True),
        ("operations_worker", "operations-worker", True),
        ("beat", "beat", False),
        ("flower", "flower", False),
    ],
)
def test_command_and_environment(name: str, service_name: str, is_worker: bool) -> None:
    role = ROLES[name]
    assert role.command == (sys.executable, "-m", f"services.{name}")
    assert role.environment == {
        "BASE": "kept",
        "PYTHONUNBUFFERED": "1",
        "ATTACKACRACK_SERVICE_NAME": service_name,
        "ATTACKACRACK_RUN_DIR": f"/data/run/{name}",
        **({"REMAP_SIGTERM": "SIGQUIT"} if is_worker else {}),
        **({DATABASE_URL: LOGINS[name]} if name in LOGINS else {}),
        **({"ATTACKACRACK_METRICS_PORT": str(IDENTITY.ports[f"metrics_{name}"])} if name in MEASURED else {}),
    }
    assert role.run_dir == DATA_DIR / "run" / name
    assert (role.working_dir / "services" / name).is_dir()


def test_the_receiver_of_traces_runs_where_it_has_a_port_and_ends_with_the_stores() -> None:
    [receiver] = trace_roles(IDENTITY, data_dir=DATA_DIR, base={"ATTACKACRACK_TRACE_RECEIVER_PORT": "20006"})
    assert receiver.command == (sys.executable, "-m", "services.trace_receiver")
    assert receiver.stop_rank > max(role.stop_rank for role in ROLES.values())
    assert trace_roles(IDENTITY, data_dir=DATA_DIR, base={}) == []


def test_what_brings_work_in_stops_before_what_does_it() -> None:
    order = sorted(ROLES.values(), key=stop_rank)
    assert {role.name for role in order[:3]} == {"webhook_ingress", "console", "beat"}
    assert {role.name for role in order[3:6]} == {"campaign_worker", "webhook_worker", "operations_worker"}


def test_the_simulator_outlives_the_workers_and_gets_the_stacks_rate_and_identity() -> None:
    role = simulator_role(IDENTITY, data_dir=DATA_DIR, provider_rate=9.5, base={})
    assert stop_rank(role) > max(stop_rank(ROLES[name]) for name in ROLES if name.endswith("_worker"))
    assert " ".join(role.command[1:]) == (
        "-m services.provider_simulator --host 127.0.0.1 --port 20003 --ledger /data/simulator/ledger.jsonl"
        " --state /data/simulator/state.jsonl --rate 9.5 --api-key key --phone-number-id PN1"
        " --phone-number +12125550100"
    )
    assert role.working_dir == SOURCES


def stop_rank(role: RoleSpec) -> int:
    return role.stop_rank
