"""The ledger, ticked in this process over product time: every due time has its row, whatever happened."""

from datetime import UTC, timedelta

import pytest
from redis import Redis
from sqlalchemy import delete, text

from services.core.domain.schedule import JOBS
from services.core.queue.enqueue import Broker, BrokerUnavailable
from services.core.runtime.failpoints import FailpointRaised
from services.core.runtime.settings import read_settings
from services.core.storage import beat_lease
from services.core.storage.models import ScheduledRun
from tests.integration.beat.conftest import Drill, Ledger, Queued
from tests.tools.business_calendar import CLEANUP, DAILY, HALF_HOURLY, HOURLY, calendar


class TestTick:
    def test_a_fresh_installation_plans_from_now(self, ledger: Ledger) -> None:
        ledger.set_time("2027-06-01T08:45:00")
        assert ledger.tick(ledger.take_lease()) == 0
        assert ledger.runs() == []
        assert ledger.missing(ledger.now() - timedelta(days=3), ledger.now()) == []

    def test_due_runs_are_recorded_and_published_once(self, ledger: Ledger, queued: Queued) -> None:
        ledger.set_time("2027-06-01T08:29:30")
        lease = ledger.take_lease()
        ledger.tick(lease)
        ledger.set_time("2027-06-01T08:30:01")
        assert [ledger.tick(lease) for _ in range(3)] == [2, 0, 0]
        assert ledger.outcomes(DAILY) == [("01T08:30", "due", None)]
        assert ledger.outcomes(HALF_HOURLY) == [("01T08:30", "due", None)]
        assert queued() == sorted(run.id for run in ledger.runs())
        assert all(run.published_at and run.term == lease.term for run in ledger.runs())

    def test_three_hours_down(self, ledger: Ledger, queued: Queued) -> None:
        start = ledger.set_time("2027-06-01T07:45:00")
        lease = ledger.take_lease()
        ledger.tick(lease)
        end = ledger.set_time("2027-06-01T10:45:00")
        assert ledger.tick(lease) == 3
        missed = [(f"01T{time}", "skipped", "missed_outage") for time in ("08:00", "08:30", "09:00", "09:30", "10:00")]
        assert ledger.outcomes(HALF_HOURLY) == [*missed, ("01T10:30", "due", "caught_up")]
        assert ledger.outcomes(HOURLY) == [missed[0], missed[2], ("01T10:00", "due", "caught_up")]
        assert ledger.outcomes(DAILY) == [("01T08:30", "due", "caught_up")]
        assert {(run.job, run.due_at) for run in ledger.runs()} == calendar(start, end)
        assert len(queued()) == 3

    def test_a_daily_start_that_was_missed_is_not_made_up_on_another_day(self, ledger: Ledger) -> None:
        ledger.set_time("2027-06-01T07:45:00")
        lease = ledger.take_lease()
        ledger.tick(lease)
        ledger.set_time("2027-06-03T07:00:00")
        ledger.tick(lease)
        assert ledger.outcomes(DAILY) == [
            ("01T08:30", "skipped", "missed_outage"),
            ("02T08:30", "skipped", "missed_outage"),
        ]
        assert ledger.outcomes(CLEANUP)[-1] == ("03T02:00", "due", "caught_up")

    def test_a_year_equals_the_calendar(self, ledger: Ledger) -> None:
        start = ledger.set_time("2027-01-01T00:10:00")
        lease = ledger.take_lease()
        ledger.tick(lease)
        instant, hours = start, 1
        while instant < start + timedelta(days=365):
            instant += timedelta(hours=hours)
            ledger.move_to(instant)
            ledger.tick(lease)
            hours = hours * 7 % 401  # steps of all lengths up to sixteen days
        end = ledger.now()
        recorded = [(run.job, run.due_at) for run in ledger.runs() if run.due_at <= instant]
        assert set(recorded) == calendar(start, instant)
        assert len(recorded) == len(set(recorded)) > 365 * (48 + 24 + 2)
        assert ledger.missing(start, end) == []

    @pytest.mark.parametrize(
        ("night", "expected"),
        [("2027-03-14", "14T03:00"), ("2027-11-07", "07T02:00")],
        ids=["spring: at the end of the gap", "autumn: once"],
    )
    def test_the_nights_that_change_the_clock(self, ledger: Ledger, night: str, expected: str) -> None:
        start = ledger.set_time(f"{night}T00:00:30")
        lease = ledger.take_lease()
        ledger.tick(lease)
        for ten_minutes in range(1, 37):
            ledger.move_to(start.astimezone(UTC) + ten_minutes * timedelta(minutes=10))
            ledger.tick(lease)
        assert ledger.outcomes(CLEANUP) == [(expected, "due", None)]
        end = start.astimezone(UTC) + timedelta(hours=6)
        assert {(run.job, run.due_at) for run in ledger.runs()} == calendar(start, end)

    @pytest.mark.parametrize(
        "point",
        [
            "tick_half_planned=raise@2",
            "tick_before_commit=raise",
            "tick_before_publish=raise",
            "tick_before_mark=raise",
        ],
    )
    def test_wherever_it_breaks_off_the_next_leader_completes_it(
        self, ledger: Ledger, queued: Queued, drill: Drill, point: str
    ) -> None:
        start = ledger.set_time("2027-06-01T07:45:00")
        first = ledger.take_lease("a")
        ledger.tick(first)
        end = ledger.set_time("2027-06-01T10:45:00")
        drill(point)
        with pytest.raises(FailpointRaised):
            ledger.tick(first)
        ledger.resign(first)
        ledger.tick(ledger.take_lease("b"))
        recorded = [(run.job, run.due_at) for run in ledger.runs()]
        assert set(recorded) == calendar(start, end)
        assert len(recorded) == len(set(recorded))
        assert set(queued()) == {run.id for run in ledger.runs() if run.status == "due"}

    def test_without_a_broker_runs_are_recorded_and_published_later(
        self, ledger: Ledger, queued: Queued, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger.set_time("2027-06-01T08:29:30")
        lease = ledger.take_lease()
        ledger.tick(lease)
        ledger.set_time("2027-06-01T08:30:01")
        with monkeypatch.context() as patch:
            patch.setattr(ledger.context, "broker", Broker(read_settings(redis_url="redis://127.0.0.1:1/0")))
            with pytest.raises(BrokerUnavailable):
                ledger.tick(lease)
        assert [run.published_at for run in ledger.runs()] == [None, None]
        assert ledger.tick(lease) == 2
        assert len(queued()) == 2

    def test_a_message_that_was_lost_is_published_again(
        self, ledger: Ledger, queued: Queued, redis_client: Redis
    ) -> None:
        ledger.set_time("2027-06-01T08:29:30")
        lease = ledger.take_lease()
        ledger.tick(lease)
        ledger.set_time("2027-06-01T08:30:01")
        ledger.tick(lease)
        assert ledger.tick(lease, publish_again_after=timedelta(0)) == 0
        redis_client.flushall()
        assert ledger.tick(lease, publish_again_after=timedelta(0)) == 2
        assert ledger.tick(lease, publish_again_after=timedelta(minutes=1)) == 0
        assert len(queued()) == 2
        assert len(ledger.runs()) == 2

    def test_a_frozen_tick_does_not_keep_the_lock(self, ledger: Ledger) -> None:
        lease = ledger.take_lease()
        with ledger.database.transaction() as session:
            beat_lease.confirm_term(session, lease)
            assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "5s"


class TestMissingRuns:
    def test_a_row_that_is_gone_is_missed(self, ledger: Ledger) -> None:
        start = ledger.set_time("2027-06-01T07:45:00")
        lease = ledger.take_lease()
        ledger.tick(lease)
        end = ledger.set_time("2027-06-01T10:45:00")
        ledger.tick(lease)
        gone = ledger.runs(DAILY)[0]
        with ledger.database.transaction() as session:
            session.execute(delete(ScheduledRun).where(ScheduledRun.id == gone.id))
        assert ledger.missing(start, end) == [(DAILY, gone.due_at)]

    def test_a_clock_that_stopped_is_missed(self, ledger: Ledger) -> None:
        start = ledger.set_time("2027-06-01T07:45:00")
        ledger.tick(ledger.take_lease())
        end = ledger.set_time("2027-06-01T08:45:00")
        assert [job for job, _ in ledger.missing(start, end)] == [HALF_HOURLY, HOURLY, HALF_HOURLY, DAILY]
        assert set(ledger.missing(start, end)) == calendar(start, end)
        assert {job for job, _ in ledger.missing(start, end)} < set(JOBS)
