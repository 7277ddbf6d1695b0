from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.core.domain.contacts_csv import FileRefused
from services.core.domain.jobs import (
    REMIND_AFTER,
    JobFacts,
    JobSteps,
    LeaveText,
    Withdrawal,
    WithdrawText,
    WriteText,
    decide_job,
    state_of,
)
from services.core.domain.jobs_csv import JobRow, JobRowRefused, is_external_id, read_jobs, read_time
from services.core.domain.messages import MessageStatus
from services.core.domain.phone_numbers import parse_phone_number

AT = datetime(2027, 6, 1, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEW_YORK = ZoneInfo("America/New_York")
DONE = {"calendar_end": AT - HOUR, "invoice_paid_at": AT - HOUR}
PENDING, SENT = MessageStatus.PENDING, MessageStatus.SENT
LEAVE, WRITE = LeaveText(), WriteText()
CANCELLED, REOPENED, REVIEWED = (WithdrawText(reason) for reason in Withdrawal)


def facts(**known: Any) -> JobFacts:
    nothing = dict.fromkeys(JobFacts.__slots__)
    return JobFacts(**nothing | known)


def steps(completed_at: datetime | None, follow_up: Any, reminder: Any) -> JobSteps:
    return JobSteps(completed_at=completed_at, follow_up=follow_up, reminder=reminder)


class TestDecideJob:
    @pytest.mark.parametrize(
        ("known", "expected"),
        [
            ({}, steps(None, LEAVE, LEAVE)),
            ({"calendar_end": AT}, steps(None, LEAVE, LEAVE)),
            ({"calendar_end": AT, "invoice_paid_at": AT}, steps(AT, WRITE, LEAVE)),
            ({"calendar_end": AT + HOUR, "invoice_paid_at": AT}, steps(None, LEAVE, LEAVE)),
            ({"calendar_end": AT, "invoice_paid_at": AT + HOUR}, steps(None, LEAVE, LEAVE)),
            (DONE | {"cancelled_at": AT}, steps(None, LEAVE, LEAVE)),
            (DONE | {"completed_at": AT - HOUR, "follow_up": PENDING}, steps(AT - HOUR, LEAVE, LEAVE)),
        ],
    )
    def test_completion(self, known: dict[str, Any], expected: JobSteps) -> None:
        assert decide_job(facts(**known), AT) == expected

    @pytest.mark.parametrize(
        ("known", "expected"),
        [
            ({"cancelled_at": AT, "follow_up": PENDING, "reminder": PENDING}, steps(None, CANCELLED, CANCELLED)),
            ({"cancelled_at": AT, "follow_up": SENT}, steps(None, LEAVE, LEAVE)),
            ({"calendar_end": AT + HOUR, "follow_up": PENDING}, steps(None, REOPENED, LEAVE)),
            ({"invoice_paid_at": None, "follow_up": SENT, "reminder": PENDING}, steps(None, LEAVE, REOPENED)),
            ({"follow_up": SENT, "reminder": PENDING, "review_at": AT}, steps(AT - HOUR, LEAVE, REVIEWED)),
            ({"follow_up": MessageStatus.SENDING, "cancelled_at": AT}, steps(None, LEAVE, LEAVE)),
        ],
    )
    def test_what_waits_is_taken_back(self, known: dict[str, Any], expected: JobSteps) -> None:
        assert decide_job(facts(**DONE | {"completed_at": AT - HOUR} | known), AT) == expected

    @pytest.mark.parametrize(
        ("known", "after", "reminder"),
        [
            ({}, REMIND_AFTER, WRITE),
            ({}, REMIND_AFTER - timedelta(seconds=1), LEAVE),
            ({"review_at": AT}, REMIND_AFTER, LEAVE),
            ({"reminder": SENT}, REMIND_AFTER, LEAVE),
        ],
    )
    def test_the_reminder(self, known: dict[str, Any], after: timedelta, reminder: Any) -> None:
        completed = facts(**DONE | {"completed_at": AT, "follow_up": SENT} | known)
        assert decide_job(completed, AT + after) == steps(AT, LEAVE, reminder)

    def test_nobody_is_texted_twice_after_a_second_completion(self) -> None:
        assert decide_job(facts(**DONE, follow_up=SENT), AT) == steps(AT, LEAVE, LEAVE)
        assert decide_job(facts(**DONE, follow_up=None), AT) == steps(AT, WRITE, LEAVE)


def test_states() -> None:
    assert [
        state_of(completed_at=completed_at, cancelled_at=cancelled_at)
        for completed_at, cancelled_at in ((None, None), (AT, None), (AT, AT), (None, AT))
    ] == ["open", "completed", "cancelled", "cancelled"]


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2027-06-01T15:00", "2027-06-01T19:00+00:00"),
            ("2027-06-01 15:00:30", "2027-06-01T19:00:30+00:00"),
            ("2027-06-01T15:00Z", "2027-06-01T15:00+00:00"),
            ("2027-06-01T15:00-07:00", "2027-06-01T22:00+00:00"),
            ("2027-06-01", "2027-06-02T04:00+00:00"),
            ("2027-03-14T02:30", "2027-03-14T07:00+00:00"),
            ("2027-11-07T01:30", "2027-11-07T05:30+00:00"),
        ],
    )
    def test_read(self, text: str, expected: str) -> None:
        assert read_time(text, NEW_YORK) == datetime.fromisoformat(expected)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "bad_time"),
            ("tomorrow", "bad_time"),
            ("06/01/2027", "bad_time"),
            ("2027-02-30", "bad_time"),
            ("2027-06-01T24:01", "bad_time"),
            ("20270601", "bad_time"),
            ("9999-12-31", "bad_time"),
            ("1999-12-01", "time_out_of_range"),
            ("2100-01-01", "time_out_of_range"),
            ("٢٠٢٧-06-01", "bad_time"),
        ],
    )
    def test_refused(self, text: str, reason: str) -> None:
        with pytest.raises(JobRowRefused, match=reason):
            read_time(text, NEW_YORK)


class TestReadJobs:
    def read(self, *lines: str) -> list[JobRow]:
        file = "\n".join(lines).encode()
        return list(read_jobs([file], parse_number=parse_phone_number, zone="America/New_York"))

    def test_a_row_says_what_it_says_and_blank_cells_say_nothing(self) -> None:
        header = "External ID,Mobile,First Name,Job Type,Calendar End,Invoice Paid At,Cancelled,Crew"
        full, sparse = self.read(
            header, "J-1,(212) 555-0143,Ana,roof,2027-06-01T15:00,2027-06-02T09:00Z,no,7", "J-2,2125550144,,,,,,"
        )
        assert full.job is not None
        assert (full.job.external_id, full.job.e164, full.job.first_name, full.job.job_type) == (
            "J-1",
            "+12125550143",
            "Ana",
            "roof",
        )
        assert full.job.calendar_end == datetime(2027, 6, 1, 19, tzinfo=UTC)
        assert full.job.cancelled is False
        assert full.ignored == {"crew"}
        assert sparse.job is not None
        assert (sparse.job.job_type, sparse.job.calendar_end, sparse.job.cancelled) == (None, None, None)

    @pytest.mark.parametrize("header", ["Calendar-End", "JOB\u200bTYPE", "“invoice paid at”", "canceled", "Cancelled?"])
    def test_a_job_s_column_is_known_in_disguise(self, header: str) -> None:
        [row] = self.read(f"phone,external_id,{header}", "2125550144,J-1,x")
        assert row.ignored == frozenset()

    @pytest.mark.parametrize("header", ["calender_end", "calendar_end_1", "opted out date", "job_typ"])
    def test_what_resembles_one_refuses_the_file(self, header: str) -> None:
        with pytest.raises(FileRefused, match="column 3"):
            self.read(f"phone,external_id,{header}", "2125550144,J-1,x")

    @pytest.mark.parametrize("nothing", ["-", "#N/A", "null"])
    def test_a_placeholder_is_no_time(self, nothing: str) -> None:
        [row] = self.read("phone,external_id,calendar_end", f"2125550144,J-1,{nothing}")
        assert row.rejection == "bad_time:calendar_end"

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            (",2125550143,roof,,,no", "external_id_missing"),
            ("J-1,banana,roof,,,no", "not_a_number"),
            ("J-1,2125550143,roof,soon,,no", "bad_time:calendar_end"),
            ("J-1,2125550143,roof,,soon,no", "bad_time:review_at"),
            ("J-1,2125550143,roof,,,perhaps", "bad_mark:cancelled"),
            ("J-1,2125550143,roof", "ragged"),
            ("J-0,2125550143,roof,,,", "repeated_external_id"),
            (f"J-1,2125550143,{'r' * 201},,,", "field_too_long"),
            ("houses/../7,2125550143,roof,,,", "external_id_refused"),
        ],
    )
    def test_refused_rows(self, row: str, reason: str) -> None:
        header = "external_id,phone,job_type,calendar_end,review_at,cancelled"
        *_, last = self.read(header, "J-0,2125550143,roof,,,", row)
        assert (last.job, last.rejection, last.line) == (None, reason, 3)

    def test_an_opt_out_mark_belongs_into_the_contacts_file(self) -> None:
        (row,) = self.read("external_id,phone,opted_out", "J-1,2125550143,yes")
        assert row.rejection == "marked_opted_out"


class TestIsExternalId:
    @pytest.mark.parametrize(
        "text", ["J-1", "imports", "imports/", "17", "houses/7", "a b", "a?b#c%2F", "...", "\u00e9", "x" * 200]
    )
    def test_legal(self, text: str) -> None:
        assert is_external_id(text)

    @pytest.mark.parametrize("text", ["", " ", ".", "..", "houses/../7", "./7", "a\nb", "a\x00", "x" * 201])
    def test_refused(self, text: str) -> None:
        assert not is_external_id(text)
