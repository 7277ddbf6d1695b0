"""The laptop's main job, as its user runs it: one command from nothing to replies, resumed, and through kills."""

import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from services.cli.demo.promises import read_ledger
from tests.tools.demo_series import FAULTS, PROGRAM, play, running_demo, running_stack, write_contacts

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

CONTACTS = 304
SENDABLE = 238
DEFERRED = 4


def test_the_demo_keeps_every_promise_and_resumes(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running_demo(folder) as demo:
        demo.run_file()
        second = subprocess.run(
            [str(PROGRAM), "up", "--data", str(folder), "--exit"], capture_output=True, text=True, check=False
        )
        code, table = demo.result()
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1, "a second start says in one line who holds the folder"
    assert code == 0, demo.said()
    assert table["accepted"] + table["merged"] + table["rejected"] + table["suppressed"] == CONTACTS
    assert table["planned"] == SENDABLE + DEFERRED
    assert table["sent"] + table["skipped"] == SENDABLE
    assert table["deferred"] == DEFERRED
    assert table["delivered"] > SENDABLE // 2
    assert table["replies"] > 0
    assert table["opt_outs"] > 0
    assert not any(table[name] for name in ("lost", "doubled", "after_opt_out", "outside_hours", "over_cap"))
    assert not (folder / "run.json").exists()

    with running_demo(folder) as demo:
        code, resumed = demo.result()
    assert code == 0, demo.said()
    assert resumed["planned"] == table["planned"]
    assert resumed["deferred"] == 0
    assert resumed["sent"] + resumed["skipped"] == resumed["planned"]
    assert resumed["doubled"] == 0


def test_a_fresh_stack_is_well_and_its_provider_ready(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running_stack(folder) as stack:
        run_file = stack.run_file()
        token = {"authorization": f"Bearer {run_file['api_token']}"}
        with httpx.Client(trust_env=False, headers=token, timeout=30) as client:
            assert client.get(f"{run_file['urls']['console']}/api/v1/clock").status_code == 200
        for words in (("health",), ("provider", "check")):
            command = [str(PROGRAM), *words, "--data", str(folder)]
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            assert answer.returncode == 0, answer.stdout + answer.stderr


def test_a_killed_supervisor_leaves_nothing_and_the_next_run_goes_on(tmp_path: Path) -> None:
    contacts, folder = tmp_path / "contacts.csv", tmp_path / "data"
    write_contacts(contacts, 60)
    with running_demo(folder, contacts) as demo:
        run_file = demo.run_file()
        demo.wait_for(lambda: demo.texts() >= 10, 120, "ten texts")
        os.kill(demo.process.pid, signal.SIGKILL)
        demo.process.wait(timeout=10)
    with running_demo(folder, contacts) as demo:
        code, table = demo.result()
    assert code == 0, demo.said()
    assert table["planned"] == 60
    assert table["doubled"] == table["lost"] == table["uncertain"] == 0
    texts = read_ledger(Path(run_file["simulator_ledger"])).texts
    assert len({text["to"] for text in texts}) == len(texts)


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS if fault != "valkey"]
)
def test_a_kill_in_the_middle_loses_and_doubles_nothing(fault: str, tmp_path: Path) -> None:
    _play(fault, tmp_path)


def test_redis_killed_and_emptied_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    _play("valkey", tmp_path)


def _play(fault: str, tmp_path: Path) -> None:
    contacts = tmp_path / "contacts.csv"
    write_contacts(contacts, 100)
    played = play(fault, 1, tmp_path / fault, contacts)
    assert played.is_good, played
    assert played.table["planned"] == 100
