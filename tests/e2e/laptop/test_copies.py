"""A data folder that was copied: the first goes on, the copy sends nothing until a person says that it is the one."""

import json
import re
import signal
import subprocess
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from services.cli.demo.promises import read_ledger
from tests.tools.demo_series import PROGRAM, running_stack, write_contacts
from tests.tools.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

PEOPLE, AT_THE_COPY = 45, 10
SAYS_WHAT_TO_DO = r"nothing is sent: its folder is a copy.*\n.*sending recover --data .*\n.*sending adopt --data "


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a demo that was stopped in the middle of its texts; a copy that nobody starts is beside it."""
    base = tmp_path_factory.mktemp("copies")
    folder = base / "data"
    write_contacts(base / "contacts.csv", PEOPLE)
    with running_stack(folder, "--demo", "--contacts", str(base / "contacts.csv")) as demo:
        demo.wait_for(lambda: demo.texts() >= AT_THE_COPY, 180, f"{AT_THE_COPY} texts")
        demo.process.send_signal(signal.SIGINT)
        demo.process.wait(timeout=90)
    assert len(texts(folder)) < PEOPLE
    copied(folder, base / "kept")
    return folder


@pytest.fixture
def copy(stopped: Path, tmp_path: Path) -> Path:
    return copied(stopped.with_name("kept"), tmp_path / "copy")


def copied(folder: Path, target: Path) -> Path:
    subprocess.run(["cp", "-a", str(folder), str(target)], check=True)
    return target


def texts(folder: Path) -> list[dict[str, Any]]:
    return [dict(text) for text in read_ledger(folder / "simulator" / "ledger.jsonl").texts]


def act(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(PROGRAM), *words, "--data", str(folder), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def listed(folder: Path, status: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(act(folder, "messages", "list", "--status", status).stdout)["items"]
    return items


def has_sent_all(folder: Path) -> bool:
    """What a worker had begun when it was killed may be in doubt for an hour: that isn't waited for."""
    return not listed(folder, "pending") and not listed(folder, "sending")


def has_refused_to_send(folder: Path) -> bool:
    return "database_rewound" in (folder / "logs" / "campaign_worker.log").read_text()


def most_texts_to_one(*folders: Path) -> int:
    """Of what the providers of all these stacks took together."""
    taken = {text["id"]: text["to"] for folder in folders for text in texts(folder)}
    return max(Counter(taken.values()).values())


def test_both_run_at_once(stopped: Path, copy: Path) -> None:
    before = len(texts(copy))
    with ExitStack() as running:
        first = running.enter_context(running_stack(stopped))
        one = first.run_file()
        asked = act(copy, "sending", "status")
        assert asked.returncode != 0, "its settings lead to the other"
        assert f"attackacrack up --data {copy}" in asked.stderr
        second = running.enter_context(running_stack(copy))
        other = second.run_file()
        assert not set(one["urls"].values()) & set(other["urls"].values())
        wait_until(lambda: has_sent_all(stopped), within=180, every=1, what="the first has sent all")
        wait_until(lambda: has_refused_to_send(copy), within=180, what="the copy has tried to send")
        assert json.loads(act(copy, "sending", "status").stdout)["rewound"]
        assert not json.loads(act(stopped, "sending", "status").stdout)["rewound"]
        assert re.search(SAYS_WHAT_TO_DO, second.said())
        assert "nothing is sent" not in first.said()
    assert len(texts(copy)) == before < len(texts(stopped))
    assert most_texts_to_one(stopped, copy) == 1


def test_the_copy_alone_waits_for_a_person(copy: Path) -> None:
    before = len(texts(copy))
    with running_stack(copy, "--demo") as demo:
        demo.run_file()
        demo.wait_for(lambda: re.search(SAYS_WHAT_TO_DO, demo.said()), 180, "word of the copy")
        wait_until(lambda: has_refused_to_send(copy), within=180, what="it has tried to send")
        assert act(copy, "sending", "recover").returncode == 0
        assert len(texts(copy)) == before
        adopted = act(copy, "sending", "adopt", "--reason", "the first is gone")
        assert adopted.returncode == 0, adopted.stderr
        wait_until(lambda: has_sent_all(copy), within=180, every=1, what="the copy has sent the rest")
    assert demo.process.returncode == 1, "the demo that was asked for never ran"
    assert len(texts(copy)) > before
    assert most_texts_to_one(copy) == 1
