"""Find imports, what they did, and their rows."""

from collections.abc import Iterator, Sequence
from functools import partial

from services.core.domain.csv_export import Cell, PhoneCell, export_csv
from services.core.domain.failures import NotFound
from services.core.domain.imports import RowOutcome
from services.core.storage import audit, imports
from services.core.storage.database import Session
from services.core.storage.models import Import
from services.core.storage.models import ImportRow as Row
from services.core.usecases.contacts.import_state import report_of
from services.core.usecases.context import Context
from services.core.views.contacts import ImportReport, ImportRow
from services.core.views.values import Page, page_of

EXPORTED_AT_ONCE = 2000
COLUMNS = ("line", "outcome", "reason", "column", "value", "phone", "warnings", "mark_line")


def show_import(context: Context, import_id: int) -> ImportReport:
    """The report again. Raises `NotFound`."""
    with context.database.reading() as session:
        return report_of(session, _found(session, import_id))


def list_imports(context: Context, *, after: int, limit: int, newest_first: bool = False) -> Page[ImportReport]:
    """Imports by id from behind `after` on, which is 0 at the first: oldest first unless told otherwise."""
    with context.database.reading() as session:
        rows = imports.page(session, after=after, limit=limit + 1, newest_first=newest_first)
        return page_of(rows, limit, partial(report_of, session))


def list_import_rows(
    context: Context, import_id: int, *, outcome: RowOutcome | None, after: int, limit: int
) -> Page[ImportRow]:
    """The import's rows by line, of one outcome or all. Raises `NotFound`."""
    with context.database.reading() as session:
        _found(session, import_id)
        rows = imports.rows_of(session, import_id, outcome=outcome, after=after, limit=limit + 1)
        return page_of(rows, limit, _row, position="line")


def export_import_rows(context: Context, import_id: int, *, outcome: RowOutcome | None, by: str) -> Iterator[bytes]:
    """The import's rows as CSV for spreadsheets; who took them is recorded. Raises `NotFound`."""
    with context.database.transaction() as session:
        _found(session, import_id)
        audit.record(session, actor=by, act="import.exported", subject="import", subject_id=import_id)
    return export_csv(COLUMNS, _cells(context, import_id, outcome), byte_order_mark=True)


def _found(session: Session, import_id: int) -> Import:
    found = session.get(Import, import_id)
    if found is None:
        raise NotFound("import", import_id)
    return found


def _row(row: Row) -> ImportRow:
    where = row.data if row.outcome == RowOutcome.REJECTED else {}
    return ImportRow.of(row, column=where.get("column"), value=where.get("value"), mark_line=where.get("line"))


def _cells(context: Context, import_id: int, outcome: RowOutcome | None) -> Iterator[Sequence[Cell]]:
    after: int | None = 0
    while after is not None:
        page = list_import_rows(context, import_id, outcome=outcome, after=after, limit=EXPORTED_AT_ONCE)
        for row in page.items:
            phone = PhoneCell(row.phone) if row.phone is not None else None
            yield (
                row.line,
                row.outcome,
                row.reason,
                row.column,
                row.value,
                phone,
                " ".join(row.warnings),
                row.mark_line,
            )
        after = page.next
