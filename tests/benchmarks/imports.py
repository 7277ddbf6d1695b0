"""How long and in how much memory a large list is imported: `python -m tests.benchmarks.imports [--rows 100000]`.

The real command on a file of known make-up: the four counts must be what the file was made of. The memory is the
command's own peak; what PostgreSQL needs is its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.tools.servers import running_servers

ROOT = Path(__file__).parents[2]
ROWS = 100_000
CYCLE = 20
"""Of twenty rows sixteen are new, one is a repetition, one is marked, and two have no number."""

AREA_CODES = ("212", "718", "917", "646", "347", "929", "516", "631")
MEGABYTE = 1024  # of the kilobytes that the kernel counts in


@dataclass(frozen=True, slots=True)
class Import:
    """One import by the command line: seconds in all, the command's own CPU and peak memory, and the counts."""

    rows: int
    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    accepted: int
    merged: int
    rejected: int
    suppressed: int

    @property
    def adds_up(self) -> bool:
        of_twenty = self.rows // CYCLE
        counts = (self.accepted, self.merged, self.rejected, self.suppressed)
        return counts == (16 * of_twenty, of_twenty, 2 * of_twenty, of_twenty)


def write_list(path: Path, rows: int) -> None:
    """A file of `rows` people, a multiple of twenty, with numbers that can all exist."""
    with path.open("w", encoding="utf-8") as file:
        file.write("phone,first_name,last_name,city,state,opted_out,house\n")
        for row in range(rows):
            kind = row % CYCLE
            number = _number(row - 1 if kind == 1 else row)
            if kind in (2, 3):
                number = "none" if kind == 2 else "12"
            mark = "yes" if kind == 4 else ""
            file.write(f'{number},Ann {row},"O\'Neil, Jr.",New York,NY,{mark},brick {row % 7}\n')


def import_list(path: Path, rows: int, *, database_url: str, redis_url: str) -> Import:
    """Run `attackacrack contacts import FILE --confirm --json`."""
    command = [sys.executable, "-m", "services.cli", "contacts", "import", str(path), "--confirm", "--json"]
    own = {"ATTACKACRACK_DATABASE_URL": database_url, "ATTACKACRACK_REDIS_URL": redis_url}
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("ATTACKACRACK_")}
    began = time.monotonic()
    process = subprocess.Popen(command, env=foreign | own, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    answer: dict[str, Any] = json.loads(process.stdout.read())
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, answer
    assert answer["rows"] == rows
    return Import(
        rows,
        time.monotonic() - began,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / MEGABYTE,
        *(answer[name] for name in ("accepted", "merged", "rejected", "suppressed")),
    )


def _number(row: int) -> str:
    """The number of a row: exchanges 220 to 299 of one area code after the other."""
    area = AREA_CODES[row // 800_000 % len(AREA_CODES)]
    return f"+1{area}{220 + row // 10_000 % 80}{row % 10_000:04d}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args()
    with running_servers() as servers, servers.context():
        path = servers.folder / "list.csv"
        write_list(path, options.rows)
        done = import_list(path, options.rows, database_url=servers.database_url, redis_url=servers.redis_url)
    print(json.dumps({**asdict(done), "adds_up": done.adds_up}))  # noqa: T201
    return 0 if done.adds_up else 1


if __name__ == "__main__":
    raise SystemExit(main())
