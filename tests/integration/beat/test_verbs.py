"""The operator's verbs on the schedule, each with its entry in the audit."""

from datetime import timedelta
from typing import Any

import pytest

from services.core.domain.failures import NotFound
from services.core.domain.schedule import JOBS
from services.core.storage import audit
from services.core.usecases.schedule.find import list_runs, list_schedule
from services.core.usecases.schedule.pause import pause_job, resume_job
from services.core.usecases.schedule.run import run_scheduled_job
from services.core.usecases.schedule.run_now import run_now
from services.core.views.schedule import Run
from tests.integration.beat.conftest import Ledger, Queued

DAILY, HALF_HOURLY = "queue_daily_campaigns", "check_completed_jobs"


def acts(ledger: Ledger) -> list[tuple[str, str, str]]:
    with ledger.database.reading() as session:
        entries = audit.entries(session, subject="schedule")
        return [(entry.actor, entry.act, entry.detail["job"]) for entry in entries if entry.actor != "beat"]


class TestListJobs:
    def test_before_the_first_tick(self, ledger: Ledger) -> None:
        ledger.set_time("2027-06-01T08:00:00")
        jobs = {job.name: job for job in list_schedule(ledger.context).items}
        assert list(jobs) == list(JOBS)
        daily = jobs[DAILY]
        assert [f"{at.isoformat()}" for at in daily.next_due] == [f"2027-06-0{day}T12:30:00+00:00" for day in (1, 2, 3)]
        assert (daily.rule, daily.zone, daily.last_run, daily.paused_at) == ("daily at 08:30", ledger.zone, None, None)

    def test_lateness_is_from_due_to_start(self, ledger: Ledger) -> None:
        ledger.set_time("2027-06-01T08:29:30")
        lease = ledger.take_lease()
        ledger.tick(lease)
        ledger.set_time("2027-06-01T08:31:00")
        ledger.tick(lease)

        def last() -> tuple[Run, timedelta]:
            run = next(job.last_run for job in list_schedule(ledger.context).items if job.name == DAILY)
            assert run is not None
            assert run.late_by is not None
            return run, run.late_by

        waiting, late_by = last()
        assert (waiting.status, waiting.started_at) == ("due", None)
        assert timedelta(minutes=1) <= late_by < timedelta(minutes=1, seconds=20)
        run_scheduled_job(ledger.context, waiting.run_id, lambda _run: {"campaigns": 3})
        ledger.set_time("2027-06-01T08:50:00")
        done, late_by_then = last()
        assert (done.status, done.result) == ("succeeded", {"campaigns": 3})
        assert late_by <= late_by_then < timedelta(minutes=1, seconds=30)


class TestRunNow:
    def test_the_next_tick_publishes_it(self, ledger: Ledger, queued: Queued) -> None:
        before = ledger.set_time("2027-06-01T08:00:00")
        lease = ledger.take_lease()
        ledger.tick(lease)
        run = run_now(ledger.context, DAILY, by="maria")
        assert before <= run.due_at <= ledger.now()
        assert (run.status, run.requested_by, run.late_by) == ("due", "maria", timedelta(0))
        ledger.tick(lease)
        assert queued() == [run.run_id]
        assert acts(ledger) == [("maria", "schedule.run_now", DAILY)]

    def test_a_paused_job_runs_all_the_same(self, ledger: Ledger, queued: Queued) -> None:
        pause_job(ledger.context, DAILY, by="maria")
        run = run_now(ledger.context, DAILY, by="maria")
        ledger.tick(ledger.take_lease())
        assert queued() == [run.run_id]

    @pytest.mark.parametrize("verb", [run_now, pause_job, resume_job])
    def test_an_unknown_job_is_not_found(self, ledger: Ledger, verb: Any) -> None:
        with pytest.raises(NotFound, match="there is no job backup"):
            verb(ledger.context, "backup", by="maria")
        assert acts(ledger) == []


class TestPauseAndResume:
    def test_what_falls_due_during_the_pause_is_recorded_as_paused(self, ledger: Ledger) -> None:
        ledger.set_time("2027-06-01T07:45:00")
        lease = ledger.take_lease()
        ledger.tick(lease)
        assert pause_job(ledger.context, HALF_HOURLY, by="maria").changed
        for wall_time in ("08:00:01", "08:30:01"):
            ledger.set_time(f"2027-06-01T{wall_time}")
            ledger.tick(lease)
        ledger.set_time("2027-06-01T09:00:01")
        assert resume_job(ledger.context, HALF_HOURLY, by="jo").changed
        ledger.set_time("2027-06-01T09:30:01")
        ledger.tick(lease)
        assert ledger.outcomes(HALF_HOURLY) == [
            ("01T08:00", "skipped", "paused"),
            ("01T08:30", "skipped", "paused"),
            ("01T09:00", "skipped", "paused"),
            ("01T09:30", "due", None),
        ]
        assert [run.status for run in ledger.runs("operational_health_check")] == ["due", "due"]
        assert acts(ledger) == [("maria", "schedule.paused", HALF_HOURLY), ("jo", "schedule.resumed", HALF_HOURLY)]

    def test_twice_is_once(self, ledger: Ledger) -> None:
        switches = [pause_job(ledger.context, DAILY, by=by) for by in ("maria", "jo")]
        assert [(each.changed, each.paused_by) for each in switches] == [(True, "maria"), (False, "maria")]
        paused = next(job for job in list_schedule(ledger.context).items if job.name == DAILY)
        assert paused.paused_by == "maria"
        switches = [resume_job(ledger.context, DAILY, by=by) for by in ("maria", "jo")]
        assert [(each.changed, each.paused_by) for each in switches] == [(True, None), (False, None)]
        assert len(acts(ledger)) == 2


class TestHistory:
    def test_pages_from_the_newest(self, ledger: Ledger) -> None:
        ids = [run_now(ledger.context, DAILY, by="maria").run_id for _ in range(5)]
        other = run_now(ledger.context, HALF_HOURLY, by="maria").run_id
        assert [run.run_id for run in list_runs(ledger.context).items] == [other, *reversed(ids)]
        assert [run.run_id for run in list_runs(ledger.context, job=DAILY, before=ids[3], limit=2).items] == [
            ids[2],
            ids[1],
        ]
