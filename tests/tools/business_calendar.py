"""What the four schedules of the specification must bring about, found by another way than the product's own."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAILY, HALF_HOURLY, HOURLY, CLEANUP = (
    "queue_daily_campaigns",
    "check_completed_jobs",
    "operational_health_check",
    "cleanup_webhook_cache",
)
ZONE = ZoneInfo("America/New_York")


def calendar(after: datetime, until: datetime) -> set[tuple[str, datetime]]:
    """What is due in (after, until], found by stepping through real instants and reading the wall clock."""
    found: set[tuple[str, datetime]] = set()
    done = set[tuple[str, date]]()
    instant = after.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    while instant <= until:
        local = instant.astimezone(ZONE)
        due = [HALF_HOURLY] if instant.minute == 30 else [HALF_HOURLY, HOURLY]
        for job, at in ((DAILY, time(8, 30)), (CLEANUP, time(2))):
            if local.time() >= at and (job, local.date()) not in done:
                done.add((job, local.date()))
                due.append(job)
        if instant > after:
            found.update((job, instant) for job in due)
        instant += timedelta(minutes=30)
    return found
