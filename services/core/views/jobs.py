"""Jobs at customers' houses."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from services.core.domain.jobs import JobState
from services.core.domain.messages import MessageStatus
from services.core.views.values import PHONE_NAMES, Input, Instant, OfPerson, Phone, RowId, Short, View, example

JOB: dict[str, Any] = {
    "job_id": 5,
    "external_id": "J-17",
    "contact_id": 17,
    "phone": "+12025550143",
    "e164": "+12025550143",
    "first_name": "Ada",
    "job_type": "foundation",
    "state": "completed",
    "calendar_end": "2026-03-02T20:00:00Z",
    "invoice_paid_at": "2026-03-02T21:00:00Z",
    "review_at": None,
    "cancelled_at": None,
    "completed_at": "2026-03-02T21:30:00Z",
    "follow_up": {"message_id": 50, "status": "pending", "reason": None, "not_before": "2026-03-03T15:00:00Z"},
    "reminder": None,
}


class PutOutcome(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class JobChange(Input):
    """What is said about a job. What is left out stays as it is known; a time that is null is taken back."""

    model_config = example({"invoice_paid_at": "2026-03-02T16:00:00-05:00"})

    job_type: Short | None = None
    calendar_end: Instant | None = None
    invoice_paid_at: Instant | None = None
    review_at: Instant | None = None
    cancelled: bool | None = Field(default=None, description="true cancels the job, false opens it again")


class NewJob(JobChange):
    """A job, known by the external id that its own system gave it; putting the same again changes nothing."""

    model_config = example(
        {
            "external_id": "J-17",
            "phone": "(202) 555-0143",
            "first_name": "Ada",
            "job_type": "foundation",
            "calendar_end": "2026-03-02T15:00:00-05:00",
        }
    )

    external_id: Short
    phone: Phone | None = Field(
        default=None,
        validation_alias=PHONE_NAMES,
        description="Needed the first time; another person's is refused.",
    )
    first_name: Short | None = None


class JobText(View):
    """The follow-up or the reminder of a job."""

    message_id: RowId
    status: MessageStatus
    reason: str | None
    not_before: datetime | None


class Job(OfPerson):
    model_config = example(JOB)

    job_id: RowId
    external_id: str
    contact_id: int
    first_name: str | None
    job_type: str
    state: JobState
    calendar_end: datetime | None
    invoice_paid_at: datetime | None
    review_at: datetime | None
    cancelled_at: datetime | None
    completed_at: datetime | None
    follow_up: JobText | None
    reminder: JobText | None


class PutJob(View):
    model_config = example({"outcome": "added", "job": JOB})

    outcome: PutOutcome
    job: Job


class JobRejection(View):
    line: int
    reason: str


class JobImportReport(View):
    """What a file of jobs did, or with `applied` false would do; the four counts add up to `rows`.

    `ignored_columns` are those that are not ours: a misspelt one would be lost in silence otherwise.
    """

    model_config = example(
        {
            "applied": False,
            "rows": 3,
            "added": 1,
            "changed": 1,
            "unchanged": 0,
            "rejected": 1,
            "rejections": [{"line": 4, "reason": "external_id_missing"}],
            "ignored_columns": ["colour"],
        }
    )

    applied: bool
    rows: int
    added: int
    changed: int
    unchanged: int
    rejected: int
    rejections: list[JobRejection]
    ignored_columns: list[str]
