"""One sender of several: reserve, wait, note the instant; the lines go to a file."""

import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Literal, cast

from services.core.queue.throttle import Slot, Throttle


def main(url: str, rate: float, kind: Literal["send", "read"], seconds: float, output: str) -> None:
    throttle = Throttle(url, rate=rate, read_share=0.2, name="shared")
    used, missed = [], 0
    while not isinstance(throttle.reserve(kind, max_wait=timedelta(seconds=10)), Slot):
        time.sleep(0.05)
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        answer = throttle.reserve(kind, max_wait=timedelta(seconds=10))
        if not isinstance(answer, Slot):
            time.sleep(answer.retry_in.total_seconds())
        elif throttle.wait_for(answer):
            used.append(time.monotonic())
        else:
            missed += 1
    Path(output).write_text("\n".join([str(missed), *map(repr, used)]))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), cast(Literal["send", "read"], sys.argv[3]), float(sys.argv[4]), sys.argv[5])
