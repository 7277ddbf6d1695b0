"""`run.json`: where a running stack is and what belongs to it, for the CLI and for anybody else."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from services.cli.laptop.process_table import ProcessEntry

NAME = "run.json"
VERSION = 1


class NoStackRunning(Exception):
    """The folder has no `run.json`: no stack is running there, or it is not ready yet."""


@dataclass(frozen=True, slots=True)
class RoleEntry:
    pid: int
    command: str
    children: tuple[ProcessEntry, ...]


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    standard: str
    legacy: str


@dataclass(frozen=True, slots=True)
class RunFile:
    """`urls` has the addresses of roles and stores by name; `metrics` each role's Prometheus endpoint."""

    version: int
    urls: Mapping[str, str]
    roles: Mapping[str, RoleEntry]
    simulator_ledger: str
    webhook_secrets: WebhookSecrets
    api_token: str
    metrics: Mapping[str, str] = field(default_factory=dict)


def read_run_file(data_dir: Path) -> RunFile:
    """What runs in this folder now. Raises `NoStackRunning`."""
    try:
        document = json.loads((data_dir / NAME).read_text())
    except FileNotFoundError as error:
        raise NoStackRunning(f"nothing is running in {data_dir}") from error
    roles = {name: _role(role) for name, role in document["roles"].items()}
    secrets = WebhookSecrets(**document["webhook_secrets"])
    return RunFile(**{**document, "roles": roles, "webhook_secrets": secrets})


def write_run_file(data_dir: Path, run_file: RunFile) -> None:
    """Replace the file at once, so that a reader sees the old or the new one."""
    write_private(data_dir / NAME, json.dumps(asdict(run_file), indent=2) + "\n")


def remove_run_file(data_dir: Path) -> None:
    (data_dir / NAME).unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, by replacing what was there."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _role(role: dict[str, object]) -> RoleEntry:
    children = role["children"]
    if not isinstance(children, list):
        raise TypeError("children of a role are a list")
    return RoleEntry(**{**role, "children": tuple(ProcessEntry(**child) for child in children)})  # type: ignore[arg-type]
