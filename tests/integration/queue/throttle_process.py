"""One sender of several: reserve, wait, note when the slot opened; until it used so many, which go to a file."""

import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Literal, cast

from services.core.queue.throttle import Slot, Throttle


def main(url: str, rate: float, kind: Literal["send", "read"], slots: int, output: str) -> None:
    throttle = Throttle(url, rate=rate, read_share=0.2, name="shared")
    used: list[float] = []
    while len(used) < slots:
        answer = throttle.reserve(kind, max_wait=timedelta(seconds=10))
        if not isinstance(answer, Slot):
            time.sleep(answer.retry_in.total_seconds())
        elif throttle.wait_for(answer):
            used.append(answer.opens_at)
    Path(output).write_text("\n".join(map(repr, used)))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), cast(Literal["send", "read"], sys.argv[3]), int(sys.argv[4]), sys.argv[5])
