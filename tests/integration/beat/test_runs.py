"""Doing a run: once however often its message comes, and recorded however it ends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from services.core.domain.failures import RetryableError
from services.core.domain.schedule import RunStatus
from services.core.runtime.failpoints import FailpointRaised
from services.core.storage.schedule import ClaimedRun
from services.core.usecases.schedule.run import MAX_ATTEMPTS, run_scheduled_job
from services.core.usecases.schedule.run_now import run_now
from tests.integration.beat.conftest import Ledger, Queued
from tests.tools.waiting import wait_until

JOB = "check_completed_jobs"
SHORT = timedelta(milliseconds=100)


@pytest.fixture
def new_run(ledger: Ledger) -> Callable[[], int]:
    return lambda: run_now(ledger.context, JOB, by="a-person").run_id


def succeed(run: ClaimedRun) -> dict[str, Any]:
    return {"job": run.job, "attempt": run.attempt}


def fail(_run: ClaimedRun) -> dict[str, Any]:
    raise ValueError("no such campaign")


def stumble(_run: ClaimedRun) -> dict[str, Any]:
    raise RetryableError("the server was busy")


class TestRunScheduledJob:
    def test_a_run_succeeds_once(self, ledger: Ledger, new_run: Callable[[], int]) -> None:
        run_id = new_run()
        answers = [run_scheduled_job(ledger.context, run_id, succeed) for _ in range(3)]
        run = ledger.run(run_id)
        assert answers == [RunStatus.SUCCEEDED, None, None]
        assert (run.status, run.result, run.attempts) == ("succeeded", {"job": JOB, "attempt": 1}, 1)
        assert run.started_at is not None
        assert run.finished_at is not None
        assert run.due_at <= run.started_at <= run.finished_at
        assert run.lease_until is None

    def test_a_second_delivery_during_the_work_does_nothing(self, ledger: Ledger, new_run: Callable[[], int]) -> None:
        run_id, inner = new_run(), []

        def work(run: ClaimedRun) -> dict[str, Any]:
            inner.append(run_scheduled_job(ledger.context, run.run_id, fail))
            return {}

        assert run_scheduled_job(ledger.context, run_id, work) is RunStatus.SUCCEEDED
        assert inner == [None]

    def test_an_unknown_run_does_nothing(self, ledger: Ledger) -> None:
        assert run_scheduled_job(ledger.context, 12345, fail) is None

    def test_a_job_that_always_raises_fails_and_its_next_run_still_comes(self, ledger: Ledger) -> None:
        ledger.set_time("2027-06-01T08:29:30")
        lease = ledger.take_lease()
        ledger.tick(lease)
        for wall_time in ("08:30:01", "09:00:01", "09:30:01"):
            ledger.set_time(f"2027-06-01T{wall_time}")
            ledger.tick(lease)
            assert run_scheduled_job(ledger.context, ledger.runs(JOB)[-1].id, fail) is RunStatus.FAILED
        assert [(run.status, run.error) for run in ledger.runs(JOB)] == [("failed", "ValueError: no such campaign")] * 3

    def test_a_retryable_error_puts_the_run_back_for_a_number_of_attempts(
        self, ledger: Ledger, new_run: Callable[[], int]
    ) -> None:
        run_id = new_run()
        for _ in range(MAX_ATTEMPTS - 1):
            with pytest.raises(RetryableError):
                run_scheduled_job(ledger.context, run_id, stumble)
            assert ledger.run(run_id).status == "due"
        assert run_scheduled_job(ledger.context, run_id, stumble) is RunStatus.FAILED
        assert ledger.run(run_id).attempts == MAX_ATTEMPTS

    def test_a_run_whose_worker_died_is_published_and_done_again(
        self, ledger: Ledger, new_run: Callable[[], int], queued: Queued, redis_client: Redis
    ) -> None:
        run_id, lease = new_run(), ledger.take_lease()
        ledger.tick(lease)

        def die(_run: ClaimedRun) -> dict[str, Any]:
            raise SystemExit

        with pytest.raises(SystemExit):
            run_scheduled_job(ledger.context, run_id, die, lease=SHORT)
        assert ledger.run(run_id).status == "running"
        redis_client.flushall()  # the worker took the task with it
        wait_until(lambda: ledger.tick(lease, publish_again_after=timedelta(0)))
        assert queued() == [run_id]
        assert run_scheduled_job(ledger.context, run_id, succeed) is RunStatus.SUCCEEDED
        assert ledger.run(run_id).attempts == 2

    def test_a_run_that_was_done_and_not_recorded_is_done_again(
        self, ledger: Ledger, new_run: Callable[[], int], drill: Callable[[str], None]
    ) -> None:
        run_id = new_run()
        drill("run_before_record=raise")
        with pytest.raises(FailpointRaised):
            run_scheduled_job(ledger.context, run_id, succeed, lease=timedelta(0))
        assert run_scheduled_job(ledger.context, run_id, succeed) is RunStatus.SUCCEEDED
        assert ledger.run(run_id).attempts == 2

    def test_a_run_that_kills_its_workers_ends_failed(self, ledger: Ledger, new_run: Callable[[], int]) -> None:
        run_id = new_run()

        def die(_run: ClaimedRun) -> dict[str, Any]:
            raise SystemExit

        for _ in range(MAX_ATTEMPTS):
            with pytest.raises(SystemExit):
                run_scheduled_job(ledger.context, run_id, die, lease=timedelta(0))
        assert run_scheduled_job(ledger.context, run_id, succeed) is RunStatus.FAILED
        assert "lost" in str(ledger.run(run_id).error)

    def test_a_worker_that_was_overtaken_records_nothing(self, ledger: Ledger, new_run: Callable[[], int]) -> None:
        run_id = new_run()

        def slow(run: ClaimedRun) -> dict[str, Any]:
            assert run_scheduled_job(ledger.context, run.run_id, succeed) is RunStatus.SUCCEEDED
            return {"late": True}

        assert run_scheduled_job(ledger.context, run_id, slow, lease=timedelta(0)) is None
        assert ledger.run(run_id).result == {"job": JOB, "attempt": 2}

    def test_a_run_during_an_earlier_one_is_skipped_as_overlap(
        self, ledger: Ledger, new_run: Callable[[], int]
    ) -> None:
        first, second, third = new_run(), new_run(), new_run()
        answers: list[RunStatus | None] = []

        def work(_run: ClaimedRun) -> dict[str, Any]:
            answers.append(run_scheduled_job(ledger.context, second, fail))
            return {}

        run_scheduled_job(ledger.context, first, work)
        answers.append(run_scheduled_job(ledger.context, third, succeed))
        assert answers == [RunStatus.SKIPPED, RunStatus.SUCCEEDED]
        assert (ledger.run(second).status, ledger.run(second).reason) == ("skipped", "overlap")
