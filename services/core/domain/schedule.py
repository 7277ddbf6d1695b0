"""The schedule: which jobs are due when, in the business's zone, and what happens to runs that were missed.

Local-time rules: a time that a spring night skips runs at the first valid instant; a time that an autumn night has
twice runs once, at its first pass.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class RunStatus(StrEnum):
    DUE = "due"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class RunReason(StrEnum):
    """Why a run was late or did not take place."""

    CAUGHT_UP = "caught_up"
    MISSED_OUTAGE = "missed_outage"
    PAUSED = "paused"
    OVERLAP = "overlap"


class CatchUp(StrEnum):
    """What becomes of due times that passed while no beat was alive; those not run are recorded as skipped."""

    LATEST = "latest"
    SAME_DAY = "same_day"


@dataclass(frozen=True, slots=True)
class DailyAt:
    """Once a day at a local time of the business's zone."""

    at: time

    def __str__(self) -> str:
        return f"daily at {self.at:%H:%M}"


@dataclass(frozen=True, slots=True)
class Every:
    """At each multiple of `period` from midnight UTC; zones with whole or half hours see round times too."""

    period: timedelta

    def __str__(self) -> str:
        return f"every {self.period // timedelta(minutes=1)} minutes"


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """One job of the schedule. What is met later than `grace` was missed: `catch_up` decides what becomes of it."""

    name: str
    rule: DailyAt | Every
    catch_up: CatchUp
    grace: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """What is to be recorded for one due time: a run to start (`due`), or one that is not to take place (`skipped`)."""

    due_at: datetime
    status: RunStatus
    reason: RunReason | None = None


JOBS: dict[str, ScheduledJob] = {
    job.name: job
    for job in (
        ScheduledJob("queue_daily_campaigns", DailyAt(time(8, 30)), CatchUp.SAME_DAY),
        ScheduledJob("check_completed_jobs", Every(timedelta(minutes=30)), CatchUp.LATEST),
        ScheduledJob("operational_health_check", Every(timedelta(hours=1)), CatchUp.LATEST),
        ScheduledJob("cleanup_webhook_cache", DailyAt(time(2, 0)), CatchUp.LATEST),
        ScheduledJob("audit_gaps", Every(timedelta(minutes=5)), CatchUp.LATEST),
        ScheduledJob("send_canaries", Every(timedelta(minutes=15)), CatchUp.LATEST),
        ScheduledJob("guard_campaigns", Every(timedelta(minutes=5)), CatchUp.LATEST),
    )
}


def plan_runs(
    job: ScheduledJob, *, after: datetime, until: datetime, zone: str, paused_at: datetime | None
) -> list[PlannedRun]:
    """What to record for every due time in (after, until], where `until` is now.

    A pause skips what falls due after it began. Of the rest only the latest may still run, and with `SAME_DAY` only
    on its own day in `zone`.
    """
    due = list(due_times(job.rule, after=after, until=until, zone=zone))
    paused = [at for at in due if paused_at is not None and at > paused_at]
    met = due[: len(due) - len(paused)]
    return [*_caught_up(job, met, until, zone), *(PlannedRun(at, RunStatus.SKIPPED, RunReason.PAUSED) for at in paused)]


def due_times(rule: DailyAt | Every, *, after: datetime, until: datetime, zone: str) -> Iterator[datetime]:
    """Every due instant in (after, until], in UTC and in order."""
    match rule:
        case Every(period):
            midnight = after.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            instant = midnight + ((after - midnight) // period + 1) * period
            while instant <= until:
                yield instant
                instant += period
        case DailyAt(at):
            local_zone = ZoneInfo(zone)
            day = after.astimezone(local_zone).date() - timedelta(days=1)
            while (instant := first_valid_instant(datetime.combine(day, at), local_zone)) <= until:
                if instant > after:
                    yield instant
                day += timedelta(days=1)


def next_due(rule: DailyAt | Every, *, after: datetime, zone: str) -> datetime:
    """The first due instant later than `after`."""
    return next(due_times(rule, after=after, until=after + timedelta(days=3), zone=zone))


def first_valid_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a naive local time: a skipped one moves to the end of the gap, a doubled one is its first pass."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    later = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _transition(min(first, later), max(first, later), zone)


def _caught_up(job: ScheduledJob, met: Sequence[datetime], now: datetime, zone: str) -> Iterator[PlannedRun]:
    for at in met[:-1]:
        yield PlannedRun(at, RunStatus.SKIPPED, RunReason.MISSED_OUTAGE)
    for at in met[-1:]:
        is_late = now - at > job.grace
        if is_late and job.catch_up is CatchUp.SAME_DAY and not _is_same_day(at, now, zone):
            yield PlannedRun(at, RunStatus.SKIPPED, RunReason.MISSED_OUTAGE)
        else:
            yield PlannedRun(at, RunStatus.DUE, RunReason.CAUGHT_UP if is_late else None)


def _is_same_day(first: datetime, second: datetime, zone: str) -> bool:
    local_zone = ZoneInfo(zone)
    return first.astimezone(local_zone).date() == second.astimezone(local_zone).date()


def _transition(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The instant in (low, high] at which the zone's offset changes, to the second."""
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
