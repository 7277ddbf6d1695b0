"""What an operator, a calendar or an invoicing program does with jobs: put them, in files or singly, and look at them.

Jobs are known by their external id. Saying the same again changes nothing; a change takes back, in its own
transaction, the texts that are not to be sent after all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from services.core.domain.failures import Conflict, MadeAtOnce, NotFound, RefusedInput
from services.core.domain.jobs import state_of
from services.core.domain.jobs_csv import LONGEST_NAME, TIMES, GivenJob, JobRow, is_external_id, read_jobs
from services.core.storage import audit, clock, contacts, jobs
from services.core.storage.database import Session
from services.core.storage.models import Contact, Job, Message
from services.core.storage.unique import unless_taken
from services.core.usecases.contacts.person_key import parse_phone
from services.core.usecases.context import Context
from services.core.usecases.jobs.complete import withdraw_texts
from services.core.usecases.versions import Versions, check_version, version_of
from services.core.views.jobs import PutOutcome
from services.core.views.values import Page


@dataclass(frozen=True, slots=True)
class JobText:
    """The follow-up or the reminder of a job."""

    message_id: int
    status: str
    reason: str | None
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job; `state` is open, completed or cancelled."""

    job_id: int
    external_id: str
    contact_id: int
    e164: str
    first_name: str | None
    job_type: str
    state: str
    calendar_end: datetime | None
    invoice_paid_at: datetime | None
    review_at: datetime | None
    cancelled_at: datetime | None
    completed_at: datetime | None
    follow_up: JobText | None
    reminder: JobText | None


@dataclass(frozen=True, slots=True)
class PutJob:
    outcome: PutOutcome
    job: JobView


@dataclass(frozen=True, slots=True)
class JobRejection:
    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobImportReport:
    """What a file of jobs did, or with `applied` false would do; the four counts add up to `rows`.

    `ignored_columns` are those that are not ours: a misspelt one would be lost in silence otherwise.
    """

    applied: bool
    rows: int
    added: int
    changed: int
    unchanged: int
    rejected: int
    rejections: Sequence[JobRejection]
    ignored_columns: Sequence[str]


def put_job(
    context: Context, given: GivenJob, *, by: str, must_exist: bool = False, versions: Versions | None = None
) -> PutJob:
    """Add the job, or change what is said about it; what is not said stays as it is known.

    Raises `NotFound` with `must_exist`, `RefusedInput` naming the field, or `Conflict` for another person's job.
    """
    _check_names(given)
    with context.database.transaction() as session:
        if must_exist and jobs.find(session, given.external_id) is None:
            raise NotFound("job", given.external_id)
        outcome = _put(session, given, by=by, versions=versions)
    return PutJob(outcome, show_job(context, given.external_id))


def import_jobs(context: Context, chunks: Iterable[bytes], *, by: str, apply: bool) -> JobImportReport:
    """Read a whole CSV file and say what it would do; with `apply`, do it.

    Raises `FileRefused`; then nothing of it is kept. A repeated import changes nothing, so an interrupted one is
    simply repeated.
    """
    rows = list(read_jobs(chunks, parse_number=partial(parse_phone, context), zone=context.settings.business_zone))
    outcomes = [_take(context, row, by=by, apply=apply) for row in rows]
    rejections = [
        JobRejection(row.line, outcome)
        for row, outcome in zip(rows, outcomes, strict=True)
        if not isinstance(outcome, PutOutcome)
    ]
    return JobImportReport(
        applied=apply,
        rows=len(rows),
        added=outcomes.count(PutOutcome.ADDED),
        changed=outcomes.count(PutOutcome.CHANGED),
        unchanged=outcomes.count(PutOutcome.UNCHANGED),
        rejected=len(rejections),
        rejections=rejections,
        ignored_columns=sorted(frozenset().union(*(row.ignored for row in rows))),
    )


def show_job(context: Context, external_id: str) -> JobView:
    """Raises `NotFound`."""
    with context.database.reading() as session:
        return _shown(session, external_id)


def list_jobs(context: Context, *, after: int, limit: int) -> Page[JobView]:
    """Jobs by id."""
    with context.database.reading() as session:
        views = [_view(row) for row in jobs.page(session, after=after, limit=limit + 1)]
    return Page(items=list(views[:limit]), next=views[limit - 1].job_id if len(views) > limit else None)


def _take(context: Context, row: JobRow, *, by: str, apply: bool) -> PutOutcome | str:
    """The outcome of a row, or the reason why it is refused. A dry run reads, and writes nothing."""
    if row.job is None:
        return row.rejection or ""
    try:
        with context.database.transaction() if apply else context.database.reading() as session:
            return _put(session, row.job, by=by) if apply else _foresee(session, row.job)
    except RefusedInput as refused:
        return refused.code


def _foresee(session: Session, given: GivenJob) -> PutOutcome:
    row = jobs.find(session, given.external_id)
    if row is None:
        _check_complete(given)
        return PutOutcome.ADDED
    job, contact, *_ = row
    _check_same_person(contact, given)
    return PutOutcome.CHANGED if _changes(job, given, at=clock.product_now(session)) else PutOutcome.UNCHANGED


def _put(session: Session, given: GivenJob, *, by: str, versions: Versions | None = None) -> PutOutcome:
    """Locks the contact before the job, as whoever sends to it does."""
    known = jobs.find(session, given.external_id)
    if known is None:
        try:
            return _add(session, given, by=by)
        except MadeAtOnce:
            known = jobs.find(session, given.external_id)
            if known is None:
                raise
    _check_same_person(known[1], given)  # before its lock: a new job's other person may be locked already
    contact = contacts.lock(session, known[1].id)
    _check_same_person(contact, given)
    at = clock.product_now(session)
    job = jobs.lock_by_external_id(session, given.external_id)
    if job is None:
        raise NotFound("job", given.external_id)
    if versions is not None:
        session.expire_all()  # what was read before the lock may be old
        check_version(lambda: version_of(_shown(session, given.external_id)), versions, noun="job")
    changes = _changes(job, given, at=at)
    if not changes:
        return PutOutcome.UNCHANGED
    for name, value in changes.items():
        setattr(job, name, value)
    job.updated_at = at
    withdraw_texts(session, job, at=at)
    _record(session, job, by=by, act="job.changed", fields=sorted(changes))
    return PutOutcome.CHANGED


def _add(session: Session, given: GivenJob, *, by: str) -> PutOutcome:
    e164, job_type = _check_complete(given)
    contact = contacts.lock_by_number(session, e164)
    contact.first_name = contact.first_name or given.first_name
    job = Job(
        external_id=given.external_id,
        contact_id=contact.id,
        job_type=job_type,
        calendar_end=given.calendar_end,
        invoice_paid_at=given.invoice_paid_at,
        review_at=given.review_at,
        cancelled_at=clock.product_now(session) if given.cancelled else None,
    )
    with unless_taken(session, MadeAtOnce()):
        session.add(job)
    _record(session, job, by=by, act="job.added", fields=[])
    return PutOutcome.ADDED


def _changes(job: Job, given: GivenJob, *, at: datetime) -> dict[str, object]:
    """The columns that differ from what is said, with their new values."""
    said: dict[str, object] = {name: value for name in TIMES if (value := getattr(given, name)) is not None}
    said |= dict.fromkeys(given.cleared)
    if given.job_type is not None:
        said["job_type"] = given.job_type
    if given.cancelled is not None:
        said["cancelled_at"] = (job.cancelled_at or at) if given.cancelled else None
    return {name: value for name, value in said.items() if getattr(job, name) != value}


def _check_names(given: GivenJob) -> None:
    if not is_external_id(given.external_id):
        detail = f"external_id has 1 to {LONGEST_NAME} plain characters, and no part of it is . or .."
        raise RefusedInput("external_id_refused", detail, pointer="/external_id")
    job_type = given.job_type
    if job_type is not None and not (0 < len(job_type.strip()) <= LONGEST_NAME and job_type.isprintable()):
        detail = f"job_type has 1 to {LONGEST_NAME} plain characters"
        raise RefusedInput("job_type_refused", detail, pointer="/job_type")
    for name in given.cleared:
        if name not in TIMES or getattr(given, name) is not None:
            raise RefusedInput("cleared_refused", f"{name} cannot be set and taken back at once", pointer="/cleared")


def _check_complete(given: GivenJob) -> tuple[str, str]:
    if given.e164 is None:
        raise RefusedInput("number_missing", "a new job needs its person's number", pointer="/phone")
    if given.job_type is None:
        raise RefusedInput("job_type_missing", "a new job needs its type", pointer="/job_type")
    return given.e164, given.job_type


def _check_same_person(contact: Contact, given: GivenJob) -> None:
    if given.e164 not in (None, contact.e164):
        raise Conflict("other_person", "the job is known with another number: cancel it and add a new one")


def _record(session: Session, job: Job, *, by: str, act: str, fields: Sequence[str]) -> None:
    audit.record(session, actor=by, act=act, subject="job", subject_id=job.id, detail={"fields": list(fields)})


def _shown(session: Session, external_id: str) -> JobView:
    row = jobs.find(session, external_id)
    if row is None:
        raise NotFound("job", external_id)
    return _view(row)


def _view(row: jobs.JobRow) -> JobView:
    job, contact, follow_up, reminder = row
    return JobView(
        job_id=job.id,
        external_id=job.external_id,
        contact_id=contact.id,
        e164=contact.e164,
        first_name=contact.first_name,
        job_type=job.job_type,
        state=state_of(completed_at=job.completed_at, cancelled_at=job.cancelled_at),
        calendar_end=job.calendar_end,
        invoice_paid_at=job.invoice_paid_at,
        review_at=job.review_at,
        cancelled_at=job.cancelled_at,
        completed_at=job.completed_at,
        follow_up=_text(follow_up),
        reminder=_text(reminder),
    )


def _text(message: Message | None) -> JobText | None:
    if message is None:
        return None
    return JobText(message.id, message.status, message.reason, message.not_before)
