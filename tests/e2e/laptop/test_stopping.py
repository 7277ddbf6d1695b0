"""Ctrl-C ends a stack soon, whatever it is at, leaves nothing running, and the next start goes on in its folder."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from services.cli.laptop.process_table import ProcessEntry, read_families
from services.cli.laptop.supervisor import STOPS_WITHIN
from tests.tools.demo_series import Demo, running_stack

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

SOON = 6 * STOPS_WITHIN.total_seconds()
"""A machine that does ten other things at once takes its time; what this is to find stays for minutes."""

REACHES = 180.0


def is_making_the_cluster(demo: Demo) -> bool:
    return (demo.folder / "postgres.unfinished").exists() and (demo.folder / "postgres" / "base").exists()


def starts_postgres(demo: Demo) -> bool:
    """Not the file that a making which was cut off has left: that is there before this demo can hear a signal."""
    is_made = not (demo.folder / "postgres.unfinished").exists()
    return is_made and (demo.folder / "postgres" / "postmaster.pid").exists()


def migrates(demo: Demo) -> bool:
    return "postgres is ready" in demo.said() and (demo.folder / "simulator" / "state.jsonl").exists()


def starts_the_roles(demo: Demo) -> bool:
    return (demo.folder / "run" / "webhook_ingress").exists()


def is_sending(demo: Demo) -> bool:
    return (demo.folder / "run.json").exists() and demo.texts() >= 5


def stopped_at(folder: Path, moment: Callable[[Demo], bool], *signals: signal.Signals) -> int:
    """Start the demo, stop it at a moment, and answer its exit code; nothing of it may be left."""
    with running_stack(folder, "--demo") as demo:
        demo.wait_for(lambda: moment(demo), REACHES, moment.__name__)
        family = read_families([demo.process.pid]).get(demo.process.pid, ())
        for number in signals:
            demo.process.send_signal(number)
        code = demo.process.wait(timeout=SOON)
    left = [each for each in family if is_alive(each)]
    for each in left:
        with suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGKILL)
    assert left == []
    assert not (folder / "run.json").exists()
    return code


def is_alive(process: ProcessEntry) -> bool:
    return any(process.command == found[0].command for found in read_families([process.pid]).values())


def test_at_every_moment_of_its_life(tmp_path: Path) -> None:
    folder = tmp_path / "100% data"
    assert stopped_at(folder, is_making_the_cluster, signal.SIGINT) == 0
    assert stopped_at(folder, starts_postgres, signal.SIGTERM) == 0
    assert stopped_at(folder, migrates, signal.SIGINT) == 0
    assert stopped_at(folder, starts_the_roles, signal.SIGTERM) == 0
    assert stopped_at(folder, is_sending, signal.SIGINT) == 1, "a demo that was cut off is no success"
    assert stopped_at(folder, is_sending, signal.SIGTERM, signal.SIGINT) == 1
    with running_stack(folder, "--demo", "--exit", "--json") as demo:
        code, table = demo.result()
    assert code == 0, demo.said()
    assert not any(table[name] for name in ("lost", "doubled", "after_opt_out", "outside_hours", "over_cap"))
