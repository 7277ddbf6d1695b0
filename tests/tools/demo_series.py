"""Demos with a kill in the middle: `python -m tests.tools.demo_series [--rounds 10] [--fault worker ...]`.

Each demo is a fresh folder and the real command. While its texts go out, one process is killed with SIGKILL; the demo
must still settle, and the provider's ledger must show nothing lost and nothing doubled.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tools.waiting import wait_until

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("attackacrack")
RECIPIENTS = 100
READY_WITHIN = 120.0
ENDS_WITHIN = 400.0
WORKERS = ("campaign_worker", "webhook_worker", "operations_worker")
FAULTS = ("worker", "valkey", "postgres")
AREA_CODES = ("212", "312", "305", "404", "617", "713", "214", "215", "202", "704")


@dataclass(frozen=True, slots=True)
class Round:
    """One demo: the fault, who was killed after how many texts, and the closing table."""

    fault: str
    seed: int
    killed: str
    after_texts: int
    exit_code: int
    table: Mapping[str, Any]

    @property
    def is_good(self) -> bool:
        wrong = ("lost", "doubled", "after_opt_out", "outside_hours", "over_cap", "uncertain")
        return self.exit_code == 0 and bool(self.table) and not any(self.table[name] for name in wrong)


class Demo:
    """A running `attackacrack up --demo`."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self.process = process
        self.folder = folder

    def run_file(self) -> dict[str, Any]:
        """`run.json`, once the stack is ready."""
        written = self.wait_for(lambda: _read(self.folder / "run.json"), READY_WITHIN, "a ready stack")
        read: dict[str, Any] = json.loads(written)
        return read

    def texts(self) -> int:
        """How many texts the provider took so far."""
        return (_read(self.folder / "simulator" / "ledger.jsonl") or "").count('"kind":"text"')

    def wait_for(self, look: Any, seconds: float, what: str) -> Any:
        """What `look` returns as soon as it is true. Raises `AssertionError`."""

        def found_or_ended() -> Any:
            ended = self.process.poll()
            found = look()
            assert found or ended is None, f"the demo ended with {ended} before {what}"
            return found

        return wait_until(found_or_ended, within=seconds, what=what)

    def said(self) -> str:
        """The end of what it wrote to its terminal, for a failure's report."""
        return (_read(self.folder.parent / f"{self.folder.name}.err") or "")[-4000:]

    def result(self) -> tuple[int, dict[str, Any]]:
        """Exit code and closing table."""
        output, _ = self.process.communicate(timeout=ENDS_WITHIN)
        return self.process.returncode, json.loads(output) if output.strip() else {}


def write_contacts(path: Path, count: int) -> None:
    """An audience of `count` fictional people, all of them sendable."""
    rows = [f"+1{AREA_CODES[index // 100 % 10]}555{100 + index % 100:04d},Person {index}" for index in range(count)]
    path.write_text("\n".join(["phone,first_name", *rows, ""]))


@contextmanager
def running_demo(folder: Path, contacts: Path | None = None, *options: str) -> Iterator[Demo]:
    """Start the demo in `folder`; it is stopped, by its pid, when the block ends before it does."""
    audience = ("--contacts", str(contacts)) if contacts else ()
    with running_stack(folder, "--demo", "--exit", "--json", *audience, *options) as demo:
        yield demo


@contextmanager
def running_stack(folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[Demo]:
    """Run `attackacrack up` in `folder`; it is stopped, by its pid, when the block ends before it does.

    `environment` is what it gets more than this process has.
    """
    command = [str(PROGRAM), "up", "--data", str(folder), *options]
    variables = os.environ | (environment or {})
    with (folder.parent / f"{folder.name}.err").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=variables)
    try:
        yield Demo(process, folder)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=90)
        if process.stdout is not None:
            process.stdout.close()


def play(fault: str, seed: int, folder: Path, contacts: Path) -> Round:
    """Run one demo and kill something in the middle of its texts."""
    dice = random.Random(f"{fault}:{seed}")
    after = dice.randint(20, 60)
    with running_demo(folder, contacts) as demo:
        demo.run_file()
        demo.wait_for(lambda: demo.texts() >= after, ENDS_WITHIN, f"{after} texts")
        killed = strike(fault, demo.run_file(), folder, dice)
        code, table = demo.result()
    return Round(fault, seed, killed, after, code, table)


def strike(fault: str, run_file: Mapping[str, Any], folder: Path, dice: random.Random) -> str:
    """Kill by pid; Valkey loses its data too."""
    roles = run_file["roles"]
    if fault == "worker":
        name = dice.choice(WORKERS)
        role = roles[name]
        pid = dice.choice([role["pid"], *(child["pid"] for child in role["children"])])
        os.kill(pid, signal.SIGKILL)
        return f"{name} {'parent' if pid == role['pid'] else 'child'}"
    if fault == "valkey":
        for path in (folder / "valkey").rglob("*"):
            if path.is_file() and ("appendonly" in str(path) or path.suffix == ".rdb"):
                path.unlink()
        os.kill(roles["valkey"]["pid"], signal.SIGKILL)
        return "valkey and its data"
    for process in [roles["postgres"], *roles["postgres"]["children"]]:
        try:
            os.kill(process["pid"], signal.SIGKILL)
        except ProcessLookupError:
            continue  # a connection that ended on its own
    return "every postgres process"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--fault", choices=FAULTS, nargs="*", default=list(FAULTS))
    parser.add_argument("--recipients", type=int, default=RECIPIENTS)
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="demo-series-"))
    contacts = base / "contacts.csv"
    write_contacts(contacts, options.recipients)
    rounds = []
    for fault in options.fault:
        for seed in range(1, options.rounds + 1):
            folder = base / f"{fault}-{seed}"
            played = play(fault, seed, folder, contacts)
            rounds.append(played)
            sys.stdout.write(json.dumps({**_shown(played)}) + "\n")
            sys.stdout.flush()
            if played.is_good:
                shutil.rmtree(folder)
    bad = [played for played in rounds if not played.is_good]
    sys.stdout.write(f"{len(rounds) - len(bad)} passed, {len(bad)} failed; what failed is kept in {base}\n")
    return 1 if bad else 0


def _shown(played: Round) -> dict[str, Any]:
    names = ("planned", "sent", "delivered", "held", "uncertain", "lost", "doubled", "seconds")
    table = {name: played.table.get(name) for name in names}
    return {"fault": played.fault, "seed": played.seed, "killed": played.killed, "after": played.after_texts, **table}


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
