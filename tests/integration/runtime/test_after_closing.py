"""What was closed is over: none of its threads runs on, least of all on a descriptor that is somebody else's now."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runtime.after_closing import IDLE_SECONDS
from tests.tools.surroundings import ROOT

PROGRAM = Path(__file__).with_name("after_closing.py")


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    ran = subprocess.run(
        [sys.executable, PROGRAM, tmp_path_factory.mktemp("run")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.mark.processes
@pytest.mark.parametrize("what", ["endpoint", "role_metrics", "spans", "heartbeat", "publisher"])
def test_no_thread_is_left_and_the_process_is_idle(left: dict[str, dict[str, Any]], what: str) -> None:
    assert left[what]["threads"] == []
    assert left[what]["cpu"] < IDLE_SECONDS / 5  # of the processor's time, not of the clock's: load doesn't count
