"""Which chores wait for which."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from services.beat.leader import Leader
from services.beat.loop import Chore, Loop, ProbeFiles, SideChore
from services.core.storage.beat_lease import Lease

LEASE = Lease(term=1, holder="here", trusted_until=float("inf"))


class Leading(Leader):
    """A leader whose database never takes the lease away."""

    def __init__(self) -> None:
        self._lease = LEASE
        self._answered_at, self._length = time.monotonic(), timedelta(minutes=1)

    def keep(self) -> None:
        return


class Counting:
    """A count that ends when it is told to."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def __call__(self, _lease: Lease) -> None:
        self.began.release()
        self.may_end.acquire()
        self.ended.release()


@pytest.fixture
def counting() -> Counting:
    return Counting()


def test_dispatch_does_not_wait_for_a_count(tmp_path: Path, counting: Counting) -> None:
    dispatched: list[Lease] = []
    look = SideChore("measure", timedelta(0), counting)
    chores = [look, Chore("dispatch", timedelta(0), dispatched.append)]
    loop = Loop(Leading(), chores, ProbeFiles(tmp_path))
    for _ in range(5):
        loop.go_round()
    assert counting.began.acquire(timeout=30)
    assert len(dispatched) == 5
    assert not counting.began.acquire(blocking=False)  # it is not begun again while it still looks
    counting.may_end.release()
    assert counting.ended.acquire(timeout=30)
    while not counting.began.acquire(blocking=False):
        loop.go_round()
    counting.may_end.release()


def test_a_count_that_fails_is_counted_and_begun_again(tmp_path: Path) -> None:
    begun = threading.Semaphore(0)

    def fail(_lease: Lease) -> None:
        begun.release()
        raise ValueError("no")

    look = SideChore("measure", timedelta(0), fail)
    loop = Loop(Leading(), [look], ProbeFiles(tmp_path))
    while look.failures < 2:
        loop.go_round()
    assert begun.acquire(blocking=False)


def test_an_old_term_leads_no_more() -> None:
    leader = Leading()
    assert leader.leads(LEASE)
    assert not leader.leads(Lease(term=2, holder="here", trusted_until=float("inf")))
    leader.lose()
    assert not leader.leads(LEASE)
