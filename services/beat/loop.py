"""The loop: keep the lease, and while it is ours do each chore at its interval. One thread, so that a chore that hangs
costs the lease, and another beat takes over; only what merely looks has a thread beside it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from services.beat.leader import Leader
from services.core.domain.failures import may_heal
from services.core.runtime import metering
from services.core.storage.beat_lease import Lease, StaleTerm
from services.core.usecases.instruments import CHORES

log = structlog.get_logger()

BETWEEN_ROUNDS = timedelta(seconds=0.1)


@dataclass(slots=True)
class Chore:
    """Something the leader does every so often. Its failures are logged when they begin and when they end."""

    name: str
    every: timedelta
    do: Callable[[Lease], object]
    due_at: float = float("-inf")
    failures: int = 0

    def attempt(self, lease: Lease) -> None:
        """Do it once; an error is logged and left to the next time. Raises `StaleTerm`."""
        self.due_at = time.monotonic() + self.every.total_seconds()
        try:
            self.do(lease)
        except StaleTerm:
            raise
        except Exception as error:  # one chore's trouble is not the others'
            metering.count(CHORES, self.name, "failed")
            self.failures += 1
            if self.failures == 1:
                is_expected = may_heal(error)
                log.warning("beat.chore_failed", chore=self.name, error=str(error), exc_info=not is_expected)
        else:
            metering.count(CHORES, self.name, "done")
            if self.failures:
                log.info("beat.chore_recovered", chore=self.name, failures=self.failures)
            self.failures = 0


@dataclass(slots=True)
class SideChore(Chore):
    """One that only looks and may take long, as counting does beside a million rows: nothing waits for it.

    While it still looks, it isn't begun again; it ends with the process.
    """

    _thread: threading.Thread | None = None

    def attempt(self, lease: Lease) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        self.due_at = time.monotonic() + self.every.total_seconds()
        self._thread = threading.Thread(
            target=super(SideChore, self).attempt, args=[lease], name=self.name, daemon=True
        )
        self._thread.start()


@dataclass(frozen=True, slots=True)
class ProbeFiles:
    """`live`: the loop goes round. `ready`: it leads, or stands by with an answer from the database."""

    folder: Path | None

    def write(self, *, is_ready: bool) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "live").touch()
        if is_ready:
            (self.folder / "ready").touch()
        else:
            self.withdraw()

    def withdraw(self) -> None:
        if self.folder is not None:
            (self.folder / "ready").unlink(missing_ok=True)


class Loop:
    def __init__(self, leader: Leader, chores: Sequence[Chore], files: ProbeFiles) -> None:
        self._leader = leader
        self._chores = chores
        self._files = files

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Go round until told to stop."""
        while not is_stopping():
            self.go_round()
            time.sleep(BETWEEN_ROUNDS.total_seconds())

    def go_round(self) -> None:
        """Keep the lease and do what is due; the lease is looked at again before each chore."""
        self._leader.keep()
        self._files.write(is_ready=self._leader.is_ready)
        for chore in self._chores:
            self._leader.keep()
            lease = self._leader.lease
            if lease is None or chore.due_at > time.monotonic():
                continue
            try:
                chore.attempt(lease)
            except StaleTerm:
                self._leader.lose()
