"""Reading jobs from CSV files: the strict reader of contacts, and the jobs' own columns read as strictly.

Columns: `phone` and `external_id`; `first_name`, `job_type`, `calendar_end`, `invoice_paid_at`, `review_at`,
`cancelled`. A blank cell says nothing and leaves what is known.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.core.domain.contacts_csv import ContactRow, read_contacts
from services.core.domain.contacts_csv.rows import ParseNumber, read_mark
from services.core.domain.schedule import first_valid_instant

LARGEST_FILE: Final = 16 << 20
LONGEST_NAME: Final = 200
TIMES: Final = ("calendar_end", "invoice_paid_at", "review_at")
JOB_COLUMNS: Final = frozenset({*TIMES, "job_type", "cancelled"})
JOB_COLUMN_NAMES: Final = {name: name for name in JOB_COLUMNS} | {"canceled": "cancelled"}
DOT_SEGMENTS: Final = frozenset({".", ".."})
YEARS: Final = range(2000, 2100)

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)


class JobRowRefused(ValueError):
    """The row cannot be taken; the text is a reason code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenJob:
    """What is said about a job; `None` says nothing. `cleared` names the times that are taken back."""

    external_id: str
    e164: str | None = None
    first_name: str | None = None
    job_type: str | None = None
    calendar_end: datetime | None = None
    invoice_paid_at: datetime | None = None
    review_at: datetime | None = None
    cancelled: bool | None = None
    cleared: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class JobRow:
    """A line of the file: what it says about a job, or why it is refused; `ignored` are columns that are not ours."""

    line: int
    job: GivenJob | None
    rejection: str | None = None
    ignored: frozenset[str] = frozenset()


def read_jobs(chunks: Iterable[bytes], *, parse_number: ParseNumber, zone: str) -> Iterator[JobRow]:
    """Read jobs from the bytes of a CSV file; times without an offset are those of `zone`.

    A job that the file names twice is refused the second time. Raises `FileRefused`, also with the last byte.
    """
    seen: set[str] = set()
    for row in read_contacts(chunks, parse_number=parse_number, own_columns=JOB_COLUMN_NAMES, max_bytes=LARGEST_FILE):
        ignored = frozenset(row.fields.keys() - JOB_COLUMNS)
        try:
            job = _job(row, ZoneInfo(zone))
            if job.external_id in seen:
                raise JobRowRefused("repeated_external_id")
        except JobRowRefused as refused:
            yield JobRow(row.line, None, str(refused), ignored)
        else:
            seen.add(job.external_id)
            yield JobRow(row.line, job, None, ignored)


def read_time(text: str, zone: ZoneInfo) -> datetime:
    """An ISO 8601 time; a date alone means its end, so that nothing follows too early. Raises `JobRowRefused`."""
    try:
        if _DATE.fullmatch(text):
            local = datetime.combine(date.fromisoformat(text) + timedelta(days=1), datetime.min.time())
        elif _INSTANT.fullmatch(text):
            local = datetime.fromisoformat(text)
        else:
            raise ValueError("no ISO 8601 time")
    except (ValueError, OverflowError) as error:
        raise JobRowRefused("bad_time") from error
    if local.year not in YEARS:
        raise JobRowRefused("time_out_of_range")
    return local if local.tzinfo is not None else first_valid_instant(local, zone)


def is_external_id(text: str) -> bool:
    """Whether a job may be known by this: short, visible, and without the dot segments that no address keeps."""
    is_plain = 0 < len(text.strip()) <= LONGEST_NAME and text.isprintable()
    return is_plain and DOT_SEGMENTS.isdisjoint(text.split("/"))


def _job(row: ContactRow, zone: ZoneInfo) -> GivenJob:
    if row.rejection is not None:
        raise JobRowRefused(row.rejection)
    if row.opted_out:
        raise JobRowRefused("marked_opted_out")
    if row.external_id is None:
        raise JobRowRefused("external_id_missing")
    job_type = row.fields.get("job_type")
    if max(len(row.external_id), len(job_type or "")) > LONGEST_NAME:
        raise JobRowRefused("field_too_long")
    if not is_external_id(row.external_id):
        raise JobRowRefused("external_id_refused")
    return GivenJob(
        external_id=row.external_id,
        e164=row.e164,
        first_name=row.first_name,
        job_type=job_type,
        cancelled=_mark(row.fields.get("cancelled")),
        calendar_end=_time(row.fields, "calendar_end", zone),
        invoice_paid_at=_time(row.fields, "invoice_paid_at", zone),
        review_at=_time(row.fields, "review_at", zone),
    )


def _time(fields: Mapping[str, str], name: str, zone: ZoneInfo) -> datetime | None:
    text = fields.get(name)
    try:
        return None if text is None else read_time(text, zone)
    except JobRowRefused as refused:
        raise JobRowRefused(f"{refused}:{name}") from refused


def _mark(text: str | None) -> bool | None:
    if text is None:
        return None
    mark = read_mark(text)
    if mark is None:
        raise JobRowRefused("bad_mark:cancelled")
    return mark
