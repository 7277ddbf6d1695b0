#!/opt/attackacrack/bin/python
"""Run a command and start it again whenever a source under /app changes: `attackacrack-reload python -m services.beat`.

For development only. It is PID 1 there: it passes SIGTERM on and ends with the command's exit code.
"""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

SOURCES = Path("/app/services")
LOOK_EVERY = 1.0


def main(command: list[str]) -> int:
    stopping = False

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        process.send_signal(number)

    process = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, stop)
    seen = newest()
    while process.poll() is None or not stopping:
        time.sleep(LOOK_EVERY)
        found = newest()
        if stopping or found == seen:
            continue
        # A command that failed on a broken source waits here for the next change.
        seen = found
        process.terminate()
        process.wait()
        if not stopping:
            process = subprocess.Popen(command)
    return process.returncode


def newest() -> float:
    """When a source was last changed, in seconds since the epoch."""
    times = [0.0]
    for path in SOURCES.rglob("*.py"):
        with suppress(FileNotFoundError):  # it is just being replaced
            times.append(path.stat().st_mtime)
    return max(times)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
