"""`run.json` says the same to its reader as its writer meant, and to nobody else."""

from pathlib import Path

import pytest

from services.cli.laptop.process_table import ProcessEntry
from services.cli.laptop.run_file import (
    VERSION,
    NoStackRunning,
    RoleEntry,
    RunFile,
    WebhookSecrets,
    read_run_file,
    remove_run_file,
    write_run_file,
)

RUN_FILE = RunFile(
    version=VERSION,
    urls={"ingress": "http://127.0.0.1:20001"},
    roles={"beat": RoleEntry(pid=7, command="python -m beat", children=(ProcessEntry(8, "python"),))},
    simulator_ledger="/data/simulator/ledger.jsonl",
    webhook_secrets=WebhookSecrets(standard="whsec_a", legacy="b"),
    api_token="c",
)


def test_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_run_file(tmp_path, RUN_FILE)
    assert read_run_file(tmp_path) == RUN_FILE


def test_is_readable_by_its_owner_only_also_when_it_replaces_a_public_file(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "run.json").chmod(0o644)
    write_run_file(tmp_path, RUN_FILE)
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_without_it_nothing_is_running(tmp_path: Path) -> None:
    write_run_file(tmp_path, RUN_FILE)
    remove_run_file(tmp_path)
    remove_run_file(tmp_path)
    with pytest.raises(NoStackRunning, match=f"nothing is running in {tmp_path}"):
        read_run_file(tmp_path)
