"""Do one recorded run: claim it, work, record how it ended. Messages repeat; a run takes place once.

A run is begun under a lease and recorded under its attempt's number, so a worker that was thought dead changes nothing
when it comes back.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog

from services.core.domain.failures import may_heal
from services.core.domain.schedule import RunReason, RunStatus
from services.core.domain.storable import storable_text
from services.core.runtime import tracing
from services.core.runtime.failpoints import reach
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage import schedule
from services.core.storage.database import Database
from services.core.storage.schedule import ClaimedRun
from services.core.usecases.context import Context

log = structlog.get_logger()

MAX_ATTEMPTS = 5
ERROR_LENGTH = 2000

Work = Callable[[ClaimedRun], dict[str, Any]]


def run_scheduled_job(context: Context, run_id: int, work: Work, *, lease: timedelta | None = None) -> RunStatus | None:
    """Do `work` for the run and record its result; returns how the run ended, `None` if it wasn't ours to do.

    While an earlier run of the job is worked on, this one ends as skipped. An error of the work ends the run as
    failed; one that says it is retryable is raised again with the run put back, for five attempts in all.
    Raises `DatabaseUnavailable`; the lease then runs out, and the clock publishes the run again.
    """
    held_for = context.settings.durations.run_lease if lease is None else lease
    claim = _claim(context.database, run_id, lease=held_for)
    if not isinstance(claim, ClaimedRun):
        return claim
    with tracing.span(SpanName.RUN, {Attribute.JOB: claim.job, Attribute.RUN_ID: run_id}) as active:
        status = _do(context.database, claim, work)
        active.note({Attribute.STATUS: status})
        if status is RunStatus.FAILED:
            active.fail("run_failed")
        return status


def _do(database: Database, claim: ClaimedRun, work: Work) -> RunStatus | None:
    try:
        result = work(claim)
    except Exception as error:
        is_final = not may_heal(error) or claim.attempt >= MAX_ATTEMPTS
        status = RunStatus.FAILED if is_final else RunStatus.DUE
        _record(database, claim, status, error=storable_text(f"{type(error).__name__}: {error}", longest=ERROR_LENGTH))
        log.exception("schedule.run_failed", job=claim.job, run_id=claim.run_id, attempt=claim.attempt, final=is_final)
        if not is_final:
            raise
        return status
    reach("run_before_record")
    return _record(database, claim, RunStatus.SUCCEEDED, result=result)


def _claim(database: Database, run_id: int, *, lease: timedelta) -> ClaimedRun | RunStatus | None:
    """The run, leased; or how it ended without work."""
    with database.transaction() as session:
        run = schedule.lock_free_run(session, run_id)
        if run is None:
            log.info("schedule.run_not_free", run_id=run_id)
            return None
        if run.attempts >= MAX_ATTEMPTS:
            error = f"its worker was lost in attempt {run.attempts}"
            schedule.close_unstarted(session, run, RunStatus.FAILED, error=error)
            log.error("schedule.run_abandoned", job=run.job, run_id=run_id, attempts=run.attempts)
            return RunStatus.FAILED
        if schedule.is_overlapped(session, run):
            schedule.close_unstarted(session, run, RunStatus.SKIPPED, reason=RunReason.OVERLAP)
            log.warning("schedule.run_overlapped", job=run.job, run_id=run_id)
            return RunStatus.SKIPPED
        return schedule.begin(session, run, lease=lease)


def _record(
    database: Database,
    claim: ClaimedRun,
    status: RunStatus,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> RunStatus | None:
    with database.transaction() as session:
        if schedule.finish(session, claim, status, result=result, error=error):
            return status
    log.warning("schedule.run_overtaken", job=claim.job, run_id=claim.run_id, attempt=claim.attempt)
    return None
