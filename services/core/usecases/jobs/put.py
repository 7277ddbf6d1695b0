"""Put a job: add it, or change what is said about it.

Jobs are known by their external id. Saying the same again changes nothing; a change takes back, in its own
transaction, the texts that are not to be sent after all.
"""

from collections.abc import Sequence
from datetime import datetime

from services.core.domain.failures import Conflict, MadeAtOnce, NotFound, RefusedInput
from services.core.domain.jobs_csv import LONGEST_NAME, TIMES, GivenJob, is_external_id
from services.core.storage import audit, clock, contacts, jobs
from services.core.storage.database import Session
from services.core.storage.models import Contact, Job
from services.core.storage.unique import unless_taken
from services.core.usecases.contacts.person_key import read_phone
from services.core.usecases.context import Context
from services.core.usecases.jobs.complete import withdraw_texts
from services.core.usecases.jobs.find import job_of, show_job
from services.core.usecases.versions import Versions, check_version, version_of
from services.core.views.jobs import JobChange, NewJob, PutJob, PutOutcome


def put_job(context: Context, new: NewJob, *, by: str) -> PutJob:
    """Add the job, or change what is said about it; what is not said stays as it is known.

    Raises `RefusedInput` naming the field, or `Conflict` for another person's job.
    """
    if not is_external_id(new.external_id):
        detail = f"external_id has 1 to {LONGEST_NAME} plain characters, and no part of it is . or .."
        raise RefusedInput("external_id_refused", detail, pointer="/external_id")
    number = read_phone(context, new.phone) if new.phone is not None else None
    given = _given(new, new.external_id, e164=number, first_name=new.first_name)
    with context.database.transaction() as session:
        outcome = write_job(session, given, by=by)
    return PutJob(outcome=outcome, job=show_job(context, given.external_id))


def update_job(
    context: Context, external_id: str, change: JobChange, *, by: str, versions: Versions | None = None
) -> PutJob:
    """Change what is said about a known job. Raises `NotFound`, or `RefusedInput` naming the field."""
    given = _given(change, external_id)
    with context.database.transaction() as session:
        if jobs.find(session, external_id) is None:
            raise NotFound("job", external_id)
        outcome = write_job(session, given, by=by, versions=versions)
    return PutJob(outcome=outcome, job=show_job(context, external_id))


def foresee_job(session: Session, given: GivenJob) -> PutOutcome:
    """What writing it down would come to; nothing is written. Raises as `write_job` does."""
    row = jobs.find(session, given.external_id)
    if row is None:
        _check_complete(given)
        return PutOutcome.ADDED
    job, contact, *_ = row
    _check_same_person(contact, given)
    return PutOutcome.CHANGED if _changes(job, given, at=clock.product_now(session)) else PutOutcome.UNCHANGED


def write_job(session: Session, given: GivenJob, *, by: str, versions: Versions | None = None) -> PutOutcome:
    """Write down what is said, and take back the texts that are not to be sent after all.

    Locks the contact before the job, as whoever sends to it does. Raises `RefusedInput`, or `Conflict` for another
    person's job.
    """
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
        check_version(lambda: version_of(job_of(session, given.external_id)), versions, noun="job")
    changes = _changes(job, given, at=at)
    if not changes:
        return PutOutcome.UNCHANGED
    for name, value in changes.items():
        setattr(job, name, value)
    job.updated_at = at
    withdraw_texts(session, job, at=at)
    _record(session, job, by=by, act="job.changed", fields=sorted(changes))
    return PutOutcome.CHANGED


def _given(said: JobChange, external_id: str, **person: str | None) -> GivenJob:
    """What is said: a time that is named and null is taken back. Raises `RefusedInput`."""
    if said.job_type is not None and not (said.job_type.strip() and said.job_type.isprintable()):
        detail = f"job_type has 1 to {LONGEST_NAME} plain characters"
        raise RefusedInput("job_type_refused", detail, pointer="/job_type")
    return GivenJob(
        external_id=external_id,
        job_type=said.job_type,
        calendar_end=said.calendar_end,
        invoice_paid_at=said.invoice_paid_at,
        review_at=said.review_at,
        cancelled=said.cancelled,
        cleared=frozenset(name for name in TIMES if name in said.model_fields_set and getattr(said, name) is None),
        **person,
    )


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
