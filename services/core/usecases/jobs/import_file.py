"""Import jobs from a CSV file, or say what the import would do."""

from collections.abc import Iterable
from functools import partial

from services.core.domain.failures import RefusedInput
from services.core.domain.jobs_csv import JobRow, read_jobs
from services.core.usecases.contacts.person_key import parse_phone
from services.core.usecases.context import Context
from services.core.usecases.jobs.put import foresee_job, write_job
from services.core.views.jobs import JobImportReport, JobRejection, PutOutcome


def import_jobs(context: Context, chunks: Iterable[bytes], *, by: str, apply: bool) -> JobImportReport:
    """Read a whole CSV file and say what it would do; with `apply`, do it.

    Raises `FileRefused`; then nothing of it is kept. A repeated import changes nothing, so an interrupted one is
    simply repeated.
    """
    rows = list(read_jobs(chunks, parse_number=partial(parse_phone, context), zone=context.settings.business_zone))
    outcomes = [_take(context, row, by=by, apply=apply) for row in rows]
    rejections = [
        JobRejection(line=row.line, reason=outcome)
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


def _take(context: Context, row: JobRow, *, by: str, apply: bool) -> PutOutcome | str:
    """The outcome of a row, or the reason why it is refused. A dry run reads, and writes nothing."""
    if row.job is None:
        return row.rejection or ""
    try:
        with context.database.transaction() if apply else context.database.reading() as session:
            return write_job(session, row.job, by=by) if apply else foresee_job(session, row.job)
    except RefusedInput as refused:
        return refused.code
