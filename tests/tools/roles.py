"""One role of the product as a real process: `python -m services.ROLE` on a test's or a measurement's servers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def running_role(role: str, folder: Path, **settings: object) -> Iterator[int]:
    """Start it and answer its process id; it is ended in order when the block ends, and its log is in `folder`."""
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("ATTACKACRACK_")}
    own = {f"ATTACKACRACK_{name.upper()}": str(value) for name, value in settings.items()}
    with (folder / f"{role}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"services.{role}"],
            env=foreign | own | {"ATTACKACRACK_RUN_DIR": str(folder / role)},
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
