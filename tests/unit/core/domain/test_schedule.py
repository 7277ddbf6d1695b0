"""Due times against a calendar of the test's own, which steps through real instants and reads the wall clock."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.domain.schedule import (
    JOBS,
    CatchUp,
    DailyAt,
    Every,
    PlannedRun,
    RunReason,
    RunStatus,
    ScheduledJob,
    due_times,
    first_valid_instant,
    next_due,
    plan_runs,
)

NEW_YORK = "America/New_York"
US_ZONES = [
    "America/Adak",
    "America/Anchorage",
    "America/Boise",
    "America/Chicago",
    "America/Denver",
    "America/Detroit",
    "America/Indiana/Indianapolis",
    "America/Indiana/Knox",
    "America/Indiana/Marengo",
    "America/Indiana/Petersburg",
    "America/Indiana/Tell_City",
    "America/Indiana/Vevay",
    "America/Indiana/Vincennes",
    "America/Indiana/Winamac",
    "America/Juneau",
    "America/Kentucky/Louisville",
    "America/Kentucky/Monticello",
    "America/Los_Angeles",
    "America/Menominee",
    "America/Metlakatla",
    "America/New_York",
    "America/Nome",
    "America/North_Dakota/Beulah",
    "America/North_Dakota/Center",
    "America/North_Dakota/New_Salem",
    "America/Phoenix",
    "America/Puerto_Rico",
    "America/Sitka",
    "America/St_Thomas",
    "America/Yakutat",
    "Pacific/Guam",
    "Pacific/Honolulu",
    "Pacific/Pago_Pago",
    "Pacific/Saipan",
]
NIGHTS = (date(2027, 3, 14), date(2027, 11, 7), date(2027, 7, 1))
HALF_HOUR = timedelta(minutes=30)
HALF_HOURS = [time(hour, minute) for hour in range(24) for minute in (0, 30)]


def calendar(at: time, zone: str, *, after: datetime, until: datetime, step: timedelta) -> Iterator[datetime]:
    """On each local day the first instant at which the wall clock shows `at` or more."""
    local_zone = ZoneInfo(zone)
    done: set[date] = set()
    instant = after - timedelta(days=2)
    while instant <= until:
        local = instant.astimezone(local_zone)
        if local.time() >= at and local.date() not in done:
            done.add(local.date())
            if after < instant:
                yield instant
        instant += step


class TestDueTimes:
    @pytest.mark.parametrize("zone", US_ZONES)
    @pytest.mark.parametrize("night", NIGHTS, ids=["spring", "autumn", "summer"])
    def test_the_nights_of_the_year_give_each_local_time_once(self, zone: str, night: date) -> None:
        after = datetime.combine(night, time(0), UTC) - timedelta(hours=12)
        until = after + timedelta(days=2)
        for at in (time(0, 30), time(1), time(1, 30), time(2), time(2, 30), time(3), time(8, 30)):
            expected = list(calendar(at, zone, after=after, until=until, step=HALF_HOUR))
            assert list(due_times(DailyAt(at), after=after, until=until, zone=zone)) == expected

    @pytest.mark.parametrize("name", ["queue_daily_campaigns", "cleanup_webhook_cache"])
    def test_two_years_of_a_daily_job_equal_the_calendar(self, name: str) -> None:
        after, until = datetime(2027, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
        rule = JOBS[name].rule
        assert isinstance(rule, DailyAt)
        expected = list(calendar(rule.at, NEW_YORK, after=after, until=until, step=HALF_HOUR))
        assert len(expected) == 731
        assert list(due_times(rule, after=after, until=until, zone=NEW_YORK)) == expected

    @pytest.mark.parametrize(
        ("night", "expected"),
        [
            (date(2027, 3, 14), datetime(2027, 3, 14, 7, tzinfo=UTC)),
            (date(2027, 11, 7), datetime(2027, 11, 7, 7, tzinfo=UTC)),
            (date(2027, 3, 13), datetime(2027, 3, 13, 7, tzinfo=UTC)),
            (date(2027, 3, 15), datetime(2027, 3, 15, 6, tzinfo=UTC)),
        ],
        ids=["2:00 is skipped: at 3:00", "2:00 comes once", "the day before", "the day after"],
    )
    def test_cleanup_at_two(self, night: date, expected: datetime) -> None:
        after = datetime.combine(night, time(4), UTC)
        assert next_due(JOBS["cleanup_webhook_cache"].rule, after=after, zone=NEW_YORK) == expected

    def test_a_doubled_time_is_its_first_pass(self) -> None:
        local = datetime(2027, 11, 7, 1, 30)  # noqa: DTZ001 - a wall clock's time
        assert first_valid_instant(local, ZoneInfo(NEW_YORK)) == datetime(2027, 11, 7, 5, 30, tzinfo=UTC)

    @pytest.mark.parametrize("minutes", [30, 60])
    def test_periods_fall_on_round_times_all_through_a_changing_night(self, minutes: int) -> None:
        after = datetime(2027, 11, 7, 3, 59, 59, 999999, tzinfo=UTC)
        found = list(
            due_times(Every(timedelta(minutes=minutes)), after=after, until=after + timedelta(hours=6), zone=NEW_YORK)
        )
        assert found[0] == datetime(2027, 11, 7, 4, tzinfo=UTC)
        assert len(found) == 6 * 60 // minutes
        assert {later - earlier for earlier, later in itertools.pairwise(found)} == {timedelta(minutes=minutes)}

    @settings(max_examples=100)
    @given(
        start=st.datetimes(datetime(2027, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        steps=st.lists(st.timedeltas(timedelta(0), timedelta(hours=30)), max_size=12),
        zone=st.sampled_from(US_ZONES),
        rule=st.sampled_from([*map(DailyAt, HALF_HOURS), Every(HALF_HOUR)]),
    )
    def test_ticks_at_any_moments_see_each_due_time_once(
        self, start: datetime, steps: list[timedelta], zone: str, rule: DailyAt | Every
    ) -> None:
        end = start + sum(steps, timedelta(0))
        seen: list[datetime] = []
        after = start
        for step in steps:
            seen += due_times(rule, after=after, until=after + step, zone=zone)
            after += step
        assert seen == list(due_times(rule, after=start, until=end, zone=zone))
        assert all(start < instant <= end for instant in seen)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2027-06-{text}-04:00")


def job(rule: DailyAt | Every, catch_up: CatchUp) -> ScheduledJob:
    return ScheduledJob("a_job", rule, catch_up)


DAILY = job(DailyAt(time(8, 30)), CatchUp.SAME_DAY)
HALF_HOURLY = job(Every(HALF_HOUR), CatchUp.LATEST)
RUN, LATE = (RunStatus.DUE, None), (RunStatus.DUE, RunReason.CAUGHT_UP)
MISSED, PAUSED = (RunStatus.SKIPPED, RunReason.MISSED_OUTAGE), (RunStatus.SKIPPED, RunReason.PAUSED)


class TestPlanRuns:
    @pytest.mark.parametrize(
        ("scheduled", "after", "until", "paused_at", "expected"),
        [
            (DAILY, "01T08:29:59", "01T08:29:59.5", None, []),
            (DAILY, "01T08:29:59", "01T08:30:00", None, [("01T08:30", RUN)]),
            (DAILY, "01T08:30:00", "01T08:30:01", None, []),
            (DAILY, "01T08:29:59", "01T08:32:00", None, [("01T08:30", RUN)]),
            (DAILY, "01T08:29:59", "01T08:32:01", None, [("01T08:30", LATE)]),
            (DAILY, "01T08:00:00", "01T23:59:59", None, [("01T08:30", LATE)]),
            (DAILY, "01T08:00:00", "02T00:00:00", None, [("01T08:30", MISSED)]),
            (DAILY, "01T08:00:00", "03T08:00:00", None, [("01T08:30", MISSED), ("02T08:30", MISSED)]),
            (DAILY, "01T08:00:00", "02T09:00:00", None, [("01T08:30", MISSED), ("02T08:30", LATE)]),
            (HALF_HOURLY, "01T07:59:59", "01T08:00:01", None, [("01T08:00", RUN)]),
            (HALF_HOURLY, "01T07:59:59", "01T08:29:59", None, [("01T08:00", LATE)]),
            (
                HALF_HOURLY,
                "01T07:59:59",
                "01T09:01:00",
                None,
                [("01T08:00", MISSED), ("01T08:30", MISSED), ("01T09:00", RUN)],
            ),
            (HALF_HOURLY, "01T07:59:59", "01T08:00:01", "01T07:00", [("01T08:00", PAUSED)]),
            (HALF_HOURLY, "01T07:59:59", "01T08:00:01", "01T08:00:00.5", [("01T08:00", RUN)]),
            (
                HALF_HOURLY,
                "01T07:59:59",
                "01T09:01:00",
                "01T08:10",
                [("01T08:00", LATE), ("01T08:30", PAUSED), ("01T09:00", PAUSED)],
            ),
        ],
    )
    def test_table(
        self,
        scheduled: ScheduledJob,
        after: str,
        until: str,
        paused_at: str | None,
        expected: list[tuple[str, tuple[RunStatus, RunReason | None]]],
    ) -> None:
        planned = plan_runs(
            scheduled, after=at(after), until=at(until), zone=NEW_YORK, paused_at=at(paused_at) if paused_at else None
        )
        assert planned == [PlannedRun(at(due), status, reason) for due, (status, reason) in expected]


class TestJobs:
    def test_the_jobs(self) -> None:
        assert {name: str(each.rule) for name, each in JOBS.items()} == {
            "queue_daily_campaigns": "daily at 08:30",
            "check_completed_jobs": "every 30 minutes",
            "operational_health_check": "every 60 minutes",
            "cleanup_webhook_cache": "daily at 02:00",
            "audit_gaps": "every 5 minutes",
            "send_canaries": "every 15 minutes",
            "guard_campaigns": "every 5 minutes",
        }
