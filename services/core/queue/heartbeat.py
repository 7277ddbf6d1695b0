"""Files that tell a probe whether a worker is started, ready, alive: `started`, `ready`, `live` in the run folder.

Alive: the consumer's timer ticks, or its reconnect loop moves; so an outage of the broker restarts nobody and a
deadlock does. Ready: the timer ticks, since it runs only while the consumer is connected and subscribed. `live` and
`ready` are touched while they hold; `ready` is removed when it does not.
"""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic

from services.core.queue.times import Times

STARTED, READY, LIVE = "started", "ready", "live"


@dataclass(slots=True)
class Progress:
    """When the consumer last did what it is there for, on the monotonic clock; written by the main thread only."""

    consumed_at: float | None = None
    reconnected_at: float | None = None

    def consuming(self) -> None:
        self.consumed_at, self.reconnected_at = monotonic(), None

    def reconnecting(self) -> None:
        self.consumed_at, self.reconnected_at = None, monotonic()

    def is_ready(self, *, now: float, times: Times) -> bool:
        return _within(self.consumed_at, now, times.consumer_stalled_after)

    def is_alive(self, *, now: float, times: Times) -> bool:
        return self.is_ready(now=now, times=times) or _within(self.reconnected_at, now, times.reconnect_stalled_after)


progress = Progress()


@dataclass(slots=True)
class Heartbeat:
    """A thread of the main process that turns progress into files, and stops with the process."""

    folder: Path
    times: Times
    progress: Progress = field(default_factory=lambda: progress)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Remove what an earlier process left, then begin. Raises `OSError` when the folder cannot be written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (STARTED, READY, LIVE):
            (self.folder / name).unlink(missing_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """End; nothing is written once this returns."""
        self._stopping.set()
        self._thread.join()
        (self.folder / READY).unlink(missing_ok=True)

    def beat(self, *, now: float) -> None:
        """Write what holds at `now`."""
        if self.progress.is_alive(now=now, times=self.times):
            (self.folder / STARTED).touch()
            (self.folder / LIVE).touch()
        if self.progress.is_ready(now=now, times=self.times):
            (self.folder / READY).touch()
        else:
            (self.folder / READY).unlink(missing_ok=True)

    def _run(self) -> None:
        # The first beats are quick, so that a start is seen at once.
        pause = min(self.times.heartbeat_write, timedelta(seconds=0.2))
        while not self._stopping.wait(pause.total_seconds()):
            self.beat(now=monotonic())
            if (self.folder / READY).exists():
                pause = self.times.heartbeat_write


def _within(moment: float | None, now: float, limit: timedelta) -> bool:
    return moment is not None and now - moment < limit.total_seconds()
