"""The lease: one holder at a time, a term for each, and no writes under a term that is over."""

import threading
import time
from datetime import timedelta

import pytest

from services.beat.leader import Leader
from services.core.storage import beat_lease
from services.core.storage.beat_lease import Lease, StaleTerm
from services.core.storage.database import Database
from tests.integration.beat.conftest import Ledger
from tests.tools.waiting import wait_until

LONG = timedelta(minutes=5)
SHORT = timedelta(milliseconds=300)


class TestAcquireOrRenew:
    def test_of_many_at_once_one_gets_it(self, ledger: Ledger, database_url: str) -> None:
        barrier, leases = threading.Barrier(8), []

        def acquire(number: int) -> None:
            database = Database(database_url, pool_size=1)
            barrier.wait()
            with database.transaction() as session:
                leases.append(beat_lease.acquire_or_renew(session, holder=f"beat-{number}", lease=LONG))
            database.close()

        threads = [threading.Thread(target=acquire, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        held = [lease for lease in leases if lease is not None]
        assert len(leases) == 8
        assert [(held[0].holder, held[0].term)] == [ledger.holder()]
        assert len(held) == 1

    def test_renewal_keeps_the_term_and_a_new_holder_raises_it(self, ledger: Ledger) -> None:
        first = ledger.take_lease("a")
        assert ledger.take_lease("a").term == first.term
        ledger.resign(first)
        assert ledger.take_lease("b").term == first.term + 1

    def test_a_lease_that_ran_out_is_a_new_term_even_for_its_holder(self, ledger: Ledger) -> None:
        first = ledger.take_lease("a", length=SHORT)
        wait_until(lambda: ledger.holder() is None)
        assert ledger.take_lease("a").term == first.term + 1

    def test_it_is_trusted_from_the_start_of_the_attempt_and_two_seconds_less(self, ledger: Ledger) -> None:
        before = time.monotonic()
        lease = ledger.take_lease("a", length=timedelta(seconds=15))
        after = time.monotonic()
        assert before <= lease.trusted_until - 13 <= after


class TestConfirmTerm:
    @pytest.mark.parametrize("change", ["resigned", "expired", "taken", "never held"])
    def test_a_stale_term_is_refused_and_writes_nothing(self, ledger: Ledger, change: str) -> None:
        ledger.set_time("2027-06-01T08:00:00")
        lease = ledger.take_lease("a", length=SHORT if change in ("expired", "taken") else LONG)
        ledger.tick(lease)
        ledger.set_time("2027-06-01T09:00:01")
        match change:
            case "resigned":
                ledger.resign(lease)
            case "expired" | "taken":
                wait_until(lambda: ledger.holder() is None)
                if change == "taken":
                    ledger.take_lease("b")
            case _:
                lease = Lease("a", lease.term + 1, lease.trusted_until)
        with pytest.raises(StaleTerm):
            ledger.tick(lease)
        assert ledger.runs() == []


class TestLeader:
    def test_an_error_while_acquiring_is_no_acquisition(self) -> None:
        unreachable = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
        leader = Leader(unreachable, length=LONG)
        leader.keep()
        assert leader.lease is None
        assert not leader.is_ready

    def test_trust_ends_before_the_lease_does(self, ledger: Ledger) -> None:
        leader = Leader(ledger.database, length=timedelta(seconds=2), holder="a")
        leader.keep()
        assert leader.lease is not None
        wait_until(lambda: leader.lease is None)
        assert ledger.holder() == ("a", 1)

    def test_a_standby_is_ready_and_leads_when_the_leader_resigns(self, ledger: Ledger) -> None:
        leading, waiting = (Leader(ledger.database, length=LONG, holder=name) for name in "ab")
        leading.keep()
        waiting.keep()
        assert (leading.lease is not None, waiting.lease, waiting.is_ready) == (True, None, True)
        leading.resign()

        def keeps() -> bool:
            waiting.keep()
            return waiting.lease is not None

        wait_until(keeps)
        assert ledger.holder() == ("b", 2)
