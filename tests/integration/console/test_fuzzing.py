"""schemathesis against the running API and its whole document: no 5xx, no answer that is not described."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.console.acts import ACTS
from tests.integration.console.conftest import RunningConsole
from tests.tools.rows import warm_limiter
from tests.tools.simulator import RunningSimulator

BIN = Path(sys.executable).parent
# A cursor is signed, and a template, a number or a zone follows rules that no schema can say: such data is refused.
CHECKS_THAT_SCHEMAS_CANNOT_MEET = "positive_data_acceptance"


def fuzz(console: RunningConsole, folder: Path, *options: str) -> int:
    """Run it over every operation to its end; how many cases that were."""
    warm_limiter(console.context)
    report = folder / "report.json"
    command = [
        *(str(BIN / "schemathesis"), "run", f"{console.client.base_url}/api/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {console.tokens['admin']}"),
        *("--exclude-checks", CHECKS_THAT_SCHEMAS_CANNOT_MEET, "--request-timeout", "30", "--no-color"),
        *("--report-json-path", str(report), "--continue-on-failure", "--seed", "7", *options),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=7000)
    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-5000:]
    read = json.loads(report.read_text())
    assert read["complete"]
    assert (read["failures"], read["errors"]) == ([], [])
    assert read["operations"]["tested"] == read["operations"]["total"]
    cases: int = read["test_cases"]["generated"]
    sys.stdout.write(f"schemathesis: {cases} cases of {read['operations']['tested']} operations\n")
    return cases


@pytest.fixture
def lived_in(console: RunningConsole, simulator: RunningSimulator) -> RunningConsole:
    """One of everything that an act makes or needs, so that ids lead somewhere."""
    for prepare in ACTS.values():
        prepare(console, simulator)
    return console


def test_a_few_cases_of_every_operation(lived_in: RunningConsole, tmp_path: Path) -> None:
    assert fuzz(lived_in, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "5") > 300


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_many_cases_of_every_operation(lived_in: RunningConsole, tmp_path: Path) -> None:
    phases = ("--phases", "examples,coverage,fuzzing,stateful")
    assert fuzz(lived_in, tmp_path, *phases, "--max-examples", os.environ.get("FUZZ_EXAMPLES", "100")) > 3000
