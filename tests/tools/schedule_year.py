"""A simulated year of the four schedules in product time: `python -m tests.tools.schedule_year [--seed 1]`.

A tick at each half hour through a leap of the clock, both nights that change it, two leaders that take turns, and
outages of up to two days. What the ledger recorded is compared with a calendar that knows nothing of the product.
"""

import argparse
import json
import random
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from services.core.domain.schedule import JOBS
from services.core.storage import beat_lease, installation
from services.core.storage.beat_lease import Lease
from services.core.storage.clock import real_now
from services.core.storage.models import ScheduledRun
from services.core.usecases.context import Context
from services.core.usecases.schedule.tick import tick_schedule
from tests.tools.business_calendar import CLEANUP, DAILY, HALF_HOURLY, HOURLY, ZONE, calendar
from tests.tools.servers import running_servers

FOUR = tuple(JOBS[name] for name in (DAILY, HALF_HOURLY, HOURLY, CLEANUP))
YEAR = timedelta(days=365)
STEP = timedelta(minutes=30)
OUTAGES = 40
LONGEST_OUTAGE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Year:
    """What was due, what the ledger has, and what became of it."""

    ticks: int
    leaders: int
    outages: int
    due: int
    rows: int
    missing: int
    doubled: int
    unexpected: int
    ran_in_time: int
    caught_up: int
    skipped_by_outage: int

    @property
    def is_good(self) -> bool:
        return self.rows == self.due and not (self.missing or self.doubled or self.unexpected)


def play_year(context: Context, *, seed: int, days: int = YEAR.days) -> Year:
    """Live through the year from the first of January 2027."""
    dice = random.Random(seed)
    start = datetime(2027, 1, 1, 0, 10, tzinfo=ZONE).astimezone(UTC)
    end = start + timedelta(days=days)
    moments, outages = _moments(start, end, dice)
    lease = _take_lease(context, "a")
    for number, moment in enumerate(moments):
        if number % 500 == 499:  # the leader changes about every ten days
            with context.database.transaction() as session:
                beat_lease.resign(session, lease)
            lease = _take_lease(context, "ab"[lease.term % 2])
        with context.database.transaction() as session:
            installation.move_clock(session, moment - real_now(session))
        tick_schedule(context, lease, jobs=FOUR)
    return _compare(context, moments, lease.term, outages)


def _moments(start: datetime, end: datetime, dice: random.Random) -> tuple[list[datetime], int]:
    """When the clock ticks: just after each half hour, apart from the outages."""
    days = (end - start).days
    outages = OUTAGES * days // YEAR.days
    down = [(start + timedelta(days=dice.uniform(1, days - 3)), LONGEST_OUTAGE * dice.random()) for _ in range(outages)]
    moments, at = [start], start + timedelta(minutes=20, seconds=1)
    while at <= end:
        if not any(begin <= at < begin + length for begin, length in down):
            moments.append(at)
        at += STEP
    return moments, outages


def _take_lease(context: Context, holder: str) -> Lease:
    with context.database.transaction() as session:
        lease = beat_lease.acquire_or_renew(session, holder=holder, lease=timedelta(hours=1))
    assert lease is not None
    return lease


def _compare(context: Context, moments: list[datetime], leaders: int, outages: int) -> Year:
    with context.database.reading() as session:
        rows = session.execute(
            select(ScheduledRun.job, ScheduledRun.due_at, ScheduledRun.status, ScheduledRun.reason)
        ).all()
    recorded = Counter((row.job, row.due_at.astimezone(UTC)) for row in rows)
    expected = calendar(moments[0], moments[-1])
    became = Counter((row.status, row.reason) for row in rows)
    return Year(
        ticks=len(moments),
        leaders=leaders,
        outages=outages,
        due=len(expected),
        rows=len(rows),
        missing=len(expected - recorded.keys()),
        doubled=sum(count - 1 for count in recorded.values()),
        unexpected=len(recorded.keys() - expected),
        ran_in_time=became["due", None],
        caught_up=became["due", "caught_up"],
        skipped_by_outage=became["skipped", "missed_outage"],
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=YEAR.days)
    options = parser.parse_args()
    with running_servers() as servers, servers.context() as context:
        year = play_year(context, seed=options.seed, days=options.days)
    print(json.dumps(asdict(year)))  # noqa: T201
    return 0 if year.is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
