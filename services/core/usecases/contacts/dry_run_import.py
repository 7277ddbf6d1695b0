"""Read a CSV file of contacts and say what each row would do.

One transaction: a file that is refused with its last byte leaves nothing.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from services.core.domain.contacts_csv import ContactFile, ContactRow, read_contacts
from services.core.domain.imports import ImportStatus
from services.core.storage import audit, imports
from services.core.storage.imports import StagedRow
from services.core.storage.models import Import
from services.core.usecases.contacts.import_state import report_of
from services.core.usecases.contacts.person_key import parse_phone
from services.core.usecases.context import Context
from services.core.views.contacts import ImportReport

ROWS_AT_ONCE = 5000
NO_WARNINGS = "[]"


def dry_run_import(context: Context, chunks: Iterable[bytes], *, file_name: str, by: str) -> ImportReport:
    """Read the whole file and say what it would do; contacts stay as they are.

    Raises `FileRefused` for a file that can't be taken; then nothing of it is kept.
    """
    digest = hashlib.sha256()
    file = read_contacts(_hashed(chunks, digest), parse_number=partial(parse_phone, context))
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
        return report_of(session, started)


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
        "columns": [{"name": name, "read_as": read_as} for name, read_as in file.meanings],
        "unread_phones": file.unread_phones,
        "warnings": dict(warnings),
    }


def _hashed(chunks: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
