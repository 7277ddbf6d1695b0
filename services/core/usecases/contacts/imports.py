"""Import contacts from a CSV file in two steps: a dry run that says what each row would do, then the confirmation.

The dry run is one transaction: a file that is refused with its last byte leaves nothing. The confirmation is one
transaction for each chunk, because it holds the locks of contacts and a list may have a million; where it is cut off,
the next confirmation, or the sweep, goes on. Marked numbers come first: nobody is texted while the rest is taken over.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

from services.core.domain.contacts_csv import ContactFile, ContactRow, read_contacts
from services.core.domain.csv_export import Cell, PhoneCell, export_csv
from services.core.domain.failures import Conflict, NotFound
from services.core.domain.imports import ImportStatus, RowOutcome
from services.core.runtime import failpoints, tracing
from services.core.storage import audit, clock, imports
from services.core.storage.database import Session
from services.core.storage.imports import StagedRow
from services.core.storage.models import Import, ImportRow
from services.core.usecases.contacts.person_key import parse_phone
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions, check_version, version_of
from services.core.views.values import Page

DRY_RUN_HOLDS_FOR = timedelta(hours=24)
ROWS_AT_ONCE = 5000
EXPORTED_AT_ONCE = 2000
SECONDS_AT_MOST = 25.0
"""Of one task that goes on with a confirmation, well below a task's limit."""

COLUMNS = ("line", "outcome", "reason", "column", "value", "phone", "warnings")


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column by its name in the file, and what it was read as: a known name, `field NAME`, or `nothing`."""

    name: str
    read_as: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """The four outcomes, which add up to `rows`, and the refused rows by reason.

    Of a confirmed import they say what it did, and `foreseen` what the dry run had said. `unread_phones` are columns
    that hold phone numbers and were not read as such; `warnings` count the rows that have each.
    """

    import_id: int
    status: str
    rows: int
    accepted: int
    merged: int
    rejected: int
    suppressed: int
    rejections: dict[str, int]
    warnings: dict[str, int] = field(default_factory=dict)
    foreseen: dict[str, int] | None = None
    columns: Sequence[ColumnView] = ()
    unread_phones: Sequence[str] = ()
    file_name: str = ""
    created_by: str = ""
    created_at: datetime | None = None
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRowView:
    """A row with its outcome; of a refused one `column` and `value` say where and what, a number's digits hidden."""

    line: int
    outcome: str
    reason: str | None
    phone: str | None
    column: str | None
    value: str | None
    warnings: Sequence[str]


def dry_run(context: Context, chunks: Iterable[bytes], *, file_name: str, by: str) -> ImportReport:
    """Read the whole file and say what it would do; contacts stay as they are.

    Raises `FileRefused` for a file that can't be taken; then nothing of it is kept.
    """
    digest = hashlib.sha256()
    file = _file(context, _hashed(chunks, digest))
    warnings: Counter[str] = Counter()
    with context.database.transaction() as session:
        imports.prepare(session)
        started = Import(file_name=file_name[:255], sha256=b"", status=ImportStatus.DRY_RUN, created_by=by)
        session.add(started)
        session.flush()
        rows = map(_staged, file)
        while chunk := list(itertools.islice(rows, ROWS_AT_ONCE)):
            imports.stage(session, started.id, chunk)
            warnings.update(warning for *_, noted in chunk if noted != NO_WARNINGS for warning in json.loads(noted))
        imports.end_staging(session, started.id)
        started.sha256 = digest.digest()
        started.findings = _findings(file, warnings) | {"rejections": imports.rejections(session, started.id)}
        audit.record(session, actor=by, act="import.read", subject="import", subject_id=started.id)
        return _report(session, started)


def confirm(context: Context, import_id: int, *, by: str, versions: Versions | None = None) -> ImportReport:
    """Take the dry run over: each row is judged again as it is. A second confirmation changes nothing, and goes on
    with one that was cut off.

    Raises `NotFound`, or `Conflict` when the dry run is discarded or older than a day.
    """
    with context.database.transaction() as session:
        taken = _locked(session, import_id)
        check_version(lambda: version_of(_report(session, taken)), versions, noun="import")
        if taken.status == ImportStatus.DRY_RUN:
            _begin(session, taken, by=by)
        if taken.status == ImportStatus.CANCELLED:
            raise Conflict("import_discarded", f"import {import_id} was discarded: import the file again")
    while _go_on(context, import_id):
        pass
    return show(context, import_id)


def resume(context: Context, import_id: int, *, elapsed: Callable[[], float] = monotonic) -> bool:
    """Go on with a confirmation that was cut off, for the time that a task has; whether it is done."""
    began = elapsed()
    while _go_on(context, import_id):
        if elapsed() - began > SECONDS_AT_MOST:
            with context.database.transaction() as session:
                _locked(session, import_id).progress_at = None  # the sweep publishes it at once
            return False
    return True


def discard(context: Context, import_id: int, *, by: str, versions: Versions | None = None) -> ImportReport:
    """Let a dry run never be confirmed. Raises `NotFound`, or `Conflict` for one that was."""
    with context.database.transaction() as session:
        taken = _locked(session, import_id)
        check_version(lambda: version_of(_report(session, taken)), versions, noun="import")
        if taken.status in (ImportStatus.CONFIRMING, ImportStatus.CONFIRMED):
            raise Conflict("import_confirmed", f"import {import_id} is {taken.status}: its contacts are taken over")
        if taken.status == ImportStatus.DRY_RUN:
            taken.status = ImportStatus.CANCELLED
            audit.record(session, actor=by, act="import.discarded", subject="import", subject_id=import_id)
        return _report(session, taken)


def show(context: Context, import_id: int) -> ImportReport:
    """The report again. Raises `NotFound`."""
    with context.database.reading() as session:
        return _report(session, _found(session, import_id))


def list_imports(context: Context, *, after: int, limit: int) -> Page[ImportReport]:
    """Imports by id."""
    with context.database.reading() as session:
        reports = [_report(session, row) for row in imports.page(session, after=after, limit=limit + 1)]
    return Page(items=list(reports[:limit]), next=reports[limit - 1].import_id if len(reports) > limit else None)


def list_rows(
    context: Context, import_id: int, *, outcome: RowOutcome | None, after: int, limit: int
) -> Page[ImportRowView]:
    """The import's rows by line, of one outcome or all. Raises `NotFound`."""
    with context.database.reading() as session:
        _found(session, import_id)
        rows = imports.rows_of(session, import_id, outcome=outcome, after=after, limit=limit + 1)
        views = [_row_view(row) for row in rows]
    return Page(items=list(views[:limit]), next=views[limit - 1].line if len(views) > limit else None)


def export_rows(context: Context, import_id: int, *, outcome: RowOutcome | None, by: str) -> Iterator[bytes]:
    """The import's rows as CSV for spreadsheets; who took them is recorded. Raises `NotFound`."""
    with context.database.transaction() as session:
        _found(session, import_id)
        audit.record(session, actor=by, act="import.exported", subject="import", subject_id=import_id)
    return export_csv(COLUMNS, _cells(context, import_id, outcome), byte_order_mark=True)


def _begin(session: Session, taken: Import, *, by: str) -> None:
    at = clock.product_now(session)
    if at - taken.created_at > DRY_RUN_HOLDS_FOR:
        raise Conflict("import_stale", f"import {taken.id} can't be confirmed any more: import the file again")
    taken.status, taken.confirmed_at = ImportStatus.CONFIRMING, at
    taken.foreseen = {name.value: getattr(taken, name) for name in RowOutcome}
    taken.progress_at = clock.real_now(session)
    taken.traceparent = tracing.traceparent()
    audit.record(session, actor=by, act="import.confirmed", subject="import", subject_id=taken.id)


def _go_on(context: Context, import_id: int) -> bool:
    """Take the next chunk over; whether there may be another."""
    with context.database.transaction() as session:
        taken = _locked(session, import_id)
        if taken.status != ImportStatus.CONFIRMING or taken.confirmed_at is None:
            return False
        taken.progress_at = clock.real_now(session)
        if taken.taken_line is None:
            if not imports.opt_out_next(session, taken, at=taken.confirmed_at):
                taken.taken_line = 0
        elif not imports.take_next(session, taken):
            imports.count(session, import_id)
            taken.findings = taken.findings | {"rejections": imports.rejections(session, import_id)}
            taken.status = ImportStatus.CONFIRMED
        failpoints.reach("importing")
    return True


def _locked(session: Session, import_id: int) -> Import:
    taken = imports.lock(session, import_id)
    if taken is None:
        raise NotFound("import", import_id)
    return taken


def _found(session: Session, import_id: int) -> Import:
    found = session.get(Import, import_id)
    if found is None:
        raise NotFound("import", import_id)
    return found


def _file(context: Context, chunks: Iterable[bytes]) -> ContactFile:
    return read_contacts(chunks, parse_number=partial(parse_phone, context))


NO_WARNINGS = "[]"


def _staged(row: ContactRow) -> StagedRow:
    warnings = json.dumps(row.warnings) if row.warnings else NO_WARNINGS
    return (row.line, row.e164, row.rejection, row.opted_out, _data(row), warnings)


def _data(row: ContactRow) -> str:
    if row.fault is not None:
        return json.dumps(asdict(row.fault))
    names = ("first_name", "last_name", "city", "state", "zip", "timezone", "external_id")
    data: dict[str, object] = {name: value for name in names if (value := getattr(row, name)) is not None}
    return json.dumps(data | ({"fields": dict(row.fields)} if row.fields else {}))


def _findings(file: ContactFile, warnings: Counter[str]) -> dict[str, Any]:
    return {
        "columns": [asdict(ColumnView(name, read_as)) for name, read_as in file.meanings],
        "unread_phones": file.unread_phones,
        "warnings": dict(warnings),
    }


def _hashed(chunks: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _report(session: Session, row: Import) -> ImportReport:
    session.flush()
    session.refresh(row)
    findings = row.findings
    return ImportReport(
        import_id=row.id,
        status=row.status,
        rows=row.rows,
        accepted=row.accepted,
        merged=row.merged,
        rejected=row.rejected,
        suppressed=row.suppressed,
        rejections=findings["rejections"] if "rejections" in findings else imports.rejections(session, row.id),
        warnings=findings.get("warnings", {}),
        foreseen={name.value: row.foreseen[name] for name in RowOutcome} if row.foreseen is not None else None,
        columns=[ColumnView(**column) for column in findings.get("columns", ())],
        unread_phones=findings.get("unread_phones", []),
        file_name=row.file_name,
        created_by=row.created_by,
        created_at=row.created_at,
        confirmed_at=row.confirmed_at,
    )


def _row_view(row: ImportRow) -> ImportRowView:
    is_refused = row.outcome == RowOutcome.REJECTED
    return ImportRowView(
        line=row.line,
        outcome=row.outcome,
        reason=row.reason,
        phone=row.e164,
        column=row.data.get("column") if is_refused else None,
        value=row.data.get("value") if is_refused else None,
        warnings=row.warnings,
    )


def _cells(context: Context, import_id: int, outcome: RowOutcome | None) -> Iterator[Sequence[Cell]]:
    after: int | None = 0
    while after is not None:
        page = list_rows(context, import_id, outcome=outcome, after=after, limit=EXPORTED_AT_ONCE)
        for row in page.items:
            phone = PhoneCell(row.phone) if row.phone is not None else None
            yield (row.line, row.outcome, row.reason, row.column, row.value, phone, " ".join(row.warnings))
        after = page.next
