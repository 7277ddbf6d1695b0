"""Real beat processes that are killed, frozen and stopped: one acts, each due time has one row, another takes over."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import partial

import pytest

from services.cli.laptop.guard import Guard
from tests.conftest import MigratedTemplate, PostgresProcess, ValkeyProcess, make_template, start_postgres
from tests.integration.beat.conftest import BeatProcess, Ledger, Queued, StartBeat
from tests.tools.waiting import wait_until

pytestmark = pytest.mark.processes

LEASE_SECONDS = 3
FROZEN_SECONDS = 5  # the server ends a transaction that stands still for so long
START_SECONDS = 30


@pytest.fixture(scope="module")
def postgres_server(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[PostgresProcess]:
    """This module's own: it is stopped here."""
    server = start_postgres(tmp_path_factory.mktemp("postgres"), guard)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def migrated_template(postgres_server: PostgresProcess) -> MigratedTemplate:
    return make_template(postgres_server)


def lead(ledger: Ledger, beat: BeatProcess) -> None:
    wait_until(lambda: beat.holds(ledger) or beat.process.poll() is not None, within=START_SECONDS)
    assert beat.process.poll() is None, (beat.folder / "log").read_text()[-3000:]


def plan_until(ledger: Ledger, wall_time: str) -> None:
    """Have everything planned up to a time, and the lease free."""
    ledger.set_time(wall_time)
    lease = ledger.take_lease()
    ledger.tick(lease)
    ledger.resign(lease)


def has_all(ledger: Ledger, start: datetime, end: datetime) -> bool:
    return not ledger.missing(start, end)


class TestTwoBeats:
    def test_each_due_time_has_one_row_and_one_owner(
        self, ledger: Ledger, start_beat: StartBeat, queued: Queued
    ) -> None:
        plan_until(ledger, "2027-06-01T07:45:00")
        beats = [start_beat(), start_beat()]
        wait_until(lambda: all(beat.has("ready") for beat in beats), within=START_SECONDS)
        start = ledger.now()
        for hour in range(9, 13):
            end = ledger.set_time(f"2027-06-01T{hour:02}:00:01")
            wait_until(partial(has_all, ledger, start, end))
        runs = ledger.runs()
        assert max(Counter((run.job, run.due_at) for run in runs).values()) == 1
        assert {run.term for run in runs} == {ledger.term()}
        assert sum(beat.holds(ledger) for beat in beats) == 1
        open_runs = sorted(run.id for run in runs if run.status == "due")
        wait_until(lambda: queued() == open_runs)
        assert sum(len(beat.events("schedule.run_published")) for beat in beats) == len(open_runs)

    def test_a_killed_leader_is_followed_when_its_lease_ends(self, ledger: Ledger, start_beat: StartBeat) -> None:
        first = start_beat()
        lead(ledger, first)
        second = start_beat()
        wait_until(lambda: second.has("ready"), within=START_SECONDS)
        term = ledger.term()
        first.send(signal.SIGKILL)
        lead(ledger, second)
        assert ledger.term() == term + 1

    def test_a_stopped_leader_resigns_and_is_followed_long_before_its_lease_would_end(
        self, ledger: Ledger, start_beat: StartBeat
    ) -> None:
        first = start_beat(lease="PT10M")
        lead(ledger, first)
        second = start_beat(lease="PT10M")
        wait_until(lambda: second.has("ready"), within=START_SECONDS)
        first.send(signal.SIGTERM)
        assert first.process.wait(timeout=START_SECONDS) == 0
        lead(ledger, second)
        assert not first.has("ready")
        assert first.events("beat.lease_resigned")

    def test_a_stopped_leader_waits_for_nothing_that_only_looks(self, ledger: Ledger, start_beat: StartBeat) -> None:
        leader = start_beat(failpoints="measuring=sleep(600)")
        wait_until(lambda: ledger.stands_in_a_transaction(for_seconds=LEASE_SECONDS), within=START_SECONDS)
        lead(ledger, leader)  # what stands is not what keeps the lease
        assert not leader.events("beat.lease_lost")
        leader.send(signal.SIGTERM)
        assert leader.process.wait(timeout=START_SECONDS) == 0
        assert leader.events("beat.lease_resigned")
        assert leader.events("beat.stopped")

    def test_a_leader_that_dies_while_it_resigns_is_followed_when_its_lease_ends(
        self, ledger: Ledger, start_beat: StartBeat
    ) -> None:
        first = start_beat(failpoints="beat_resigning=kill")
        lead(ledger, first)
        first.send(signal.SIGTERM)
        assert first.process.wait(timeout=START_SECONDS) == -signal.SIGKILL
        second = start_beat()
        lead(ledger, second)

    @pytest.mark.parametrize("point", ["", "tick_half_planned=stop@9"])
    def test_a_frozen_leader_writes_nothing_under_its_old_term(
        self, ledger: Ledger, start_beat: StartBeat, point: str
    ) -> None:
        plan_until(ledger, "2027-06-01T07:45:00")
        frozen = start_beat(failpoints=point)
        lead(ledger, frozen)
        old_term = ledger.term()
        second = start_beat()
        if not point:
            wait_until(lambda: second.has("ready"), within=START_SECONDS)
            frozen.send(signal.SIGSTOP)
        wait_until(lambda: second.holds(ledger), within=START_SECONDS)
        assert ledger.term() == old_term + 1
        start, end = ledger.now(), ledger.set_time("2027-06-01T09:00:01")
        frozen.send(signal.SIGCONT)
        wait_until(lambda: frozen.events("beat.lease_lost"))
        wait_until(lambda: not ledger.missing(start, end))
        assert {run.term for run in ledger.runs()} == {old_term + 1}
        assert second.holds(ledger)


class TestOneBeat:
    @pytest.mark.parametrize("point", ["beat_renewing=kill@1", "tick_before_mark=kill@1"])
    def test_killed_with_due_runs_at_hand_it_leaves_them_to_the_next(
        self, ledger: Ledger, start_beat: StartBeat, queued: Queued, point: str
    ) -> None:
        plan_until(ledger, "2027-06-01T07:45:00")
        start, end = ledger.now(), ledger.set_time("2027-06-01T10:45:00")
        dying = start_beat(failpoints=point)
        assert dying.process.wait(timeout=START_SECONDS) == -signal.SIGKILL
        next_beat = start_beat()
        lead(ledger, next_beat)
        wait_until(lambda: not ledger.missing(start, end))
        assert max(Counter((run.job, run.due_at) for run in ledger.runs()).values()) == 1
        open_runs = {run.id for run in ledger.runs() if run.status == "due"}
        assert len(open_runs) == 3
        wait_until(lambda: set(queued()) == open_runs)

    def test_it_survives_an_outage_of_the_database(
        self, ledger: Ledger, start_beat: StartBeat, postgres_server: PostgresProcess
    ) -> None:
        beat = start_beat()
        lead(ledger, beat)
        term = ledger.term()
        postgres_server.stop()
        try:
            wait_until(lambda: not beat.has("ready"), within=LEASE_SECONDS + 5)
            began = time.time()
            wait_until(lambda: beat.age("live") < time.time() - began)
        finally:
            postgres_server.start()
        lead(ledger, beat)
        wait_until(lambda: beat.has("ready"))
        assert ledger.term() >= term
        assert len(beat.events("beat.database_lost")) == len(beat.events("beat.database_back")) == 1

    @pytest.mark.own_valkey
    def test_without_a_broker_it_leads_and_records(
        self, ledger: Ledger, start_beat: StartBeat, valkey_server: ValkeyProcess, queued: Queued
    ) -> None:
        plan_until(ledger, "2027-06-01T07:45:00")
        beat = start_beat()
        lead(ledger, beat)
        term = ledger.term()
        valkey_server.freeze()
        start, end = ledger.now(), ledger.set_time("2027-06-01T08:00:01")
        wait_until(lambda: not ledger.missing(start, end))
        wait_until(lambda: beat.events("beat.chore_failed"))
        valkey_server.resume()
        wait_until(lambda: len(queued()) >= 2)
        assert ledger.term() - term <= 1
