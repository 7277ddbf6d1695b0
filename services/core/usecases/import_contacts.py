"""Import contacts from a CSV file in two steps: a dry run that says what each row would do, then the confirmation."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from services.core.domain.contacts_csv import ContactRow, read_contacts
from services.core.domain.failures import Conflict, NotFound
from services.core.domain.imports import ImportStatus
from services.core.domain.opt_outs import OptOutSource
from services.core.domain.phone_numbers import NumberRejection, PhoneNumber, parse_phone_number
from services.core.runtime import tracing
from services.core.storage import audit, clock, contacts, imports, opt_outs, outbox
from services.core.storage.database import Session
from services.core.storage.imports import StagedRow
from services.core.storage.models import Import
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions, check_version, version_of

DRY_RUN_HOLDS_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The four outcomes, which add up to `rows`, and the refused rows by reason."""

    import_id: int
    status: str
    rows: int
    accepted: int
    merged: int
    rejected: int
    suppressed: int
    rejections: dict[str, int]


def dry_run(context: Context, chunks: Iterable[bytes], *, file_name: str, by: str) -> ImportReport:
    """Read the whole file and say what it would do; contacts stay as they are.

    Raises `FileRefused` for a file that can't be taken; then nothing of it is kept.
    """
    digest = hashlib.sha256()
    with context.database.transaction() as session:
        imports.stage(session, _staged(context, _hashed(chunks, digest)))
        started = Import(file_name=file_name[:255], sha256=digest.digest(), status=ImportStatus.DRY_RUN, created_by=by)
        session.add(started)
        session.flush()
        imports.judge(session, started.id)
        report = _report(session, started)
        audit.record(session, actor=by, act="import.read", subject="import", subject_id=report.import_id)
        return report


def confirm(context: Context, import_id: int, *, by: str, versions: Versions | None = None) -> ImportReport:
    """Take the dry run over; a second confirmation changes nothing.

    Raises `NotFound`, or `Conflict` when the dry run is cancelled or older than a day.
    """
    with context.database.transaction() as session:
        taken = imports.lock(session, import_id)
        if taken is None:
            raise NotFound("import", import_id)
        check_version(lambda: version_of(_report(session, taken)), versions, noun="import")
        if taken.status == ImportStatus.CONFIRMED:
            return _report(session, taken)
        at = clock.product_now(session)
        if taken.status != ImportStatus.DRY_RUN or at - taken.created_at > DRY_RUN_HOLDS_FOR:
            raise Conflict("import_stale", f"import {import_id} can't be confirmed any more: import the file again")
        imports.take_over(session, import_id)
        for e164 in imports.marked_numbers(session, import_id):
            contact = contacts.lock_by_number(session, e164)
            evidence = f"import {import_id}"
            if opt_outs.record(
                session, contact, source=OptOutSource.IMPORT, rule="marked", said_at=at, evidence=evidence
            ):
                outbox.skip_pending_of(session, contact, reason="opted_out")
        taken.status, taken.confirmed_at = ImportStatus.CONFIRMED, at
        taken.traceparent = tracing.traceparent()
        audit.record(session, actor=by, act="import.confirmed", subject="import", subject_id=import_id)
        return _report(session, taken)


def show(context: Context, import_id: int) -> ImportReport:
    """The report again. Raises `NotFound`."""
    with context.database.reading() as session:
        found = session.get(Import, import_id)
        if found is None:
            raise NotFound("import", import_id)
        return _report(session, found)


def _staged(context: Context, chunks: Iterable[bytes]) -> Iterator[StagedRow]:
    countries = frozenset(context.settings.allowed_countries)

    def parse_number(raw: str) -> PhoneNumber | NumberRejection:
        return parse_phone_number(raw, allowed_countries=countries, allow_test_numbers=context.is_simulated)

    for row in read_contacts(chunks, parse_number=parse_number):
        yield (row.line, row.e164, row.rejection, row.opted_out, _data(row), json.dumps(list(row.warnings)))


def _data(row: ContactRow) -> str:
    names = ("first_name", "last_name", "city", "state", "zip", "timezone", "external_id")
    data: dict[str, object] = {name: value for name in names if (value := getattr(row, name)) is not None}
    return json.dumps(data | ({"fields": dict(row.fields)} if row.fields else {}))


def _hashed(chunks: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _report(session: Session, row: Import) -> ImportReport:
    session.flush()
    session.refresh(row)
    return ImportReport(
        import_id=row.id,
        status=row.status,
        rows=row.rows,
        accepted=row.accepted,
        merged=row.merged,
        rejected=row.rejected,
        suppressed=row.suppressed,
        rejections=imports.rejections(session, row.id),
    )
