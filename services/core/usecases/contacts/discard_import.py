"""Discard a dry run."""

from services.core.domain.failures import Conflict
from services.core.domain.imports import ImportStatus
from services.core.storage import audit
from services.core.usecases.contacts.import_state import lock_import, report_of
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views.contacts import ImportReport


def discard_import(context: Context, import_id: int, *, by: str, versions: Versions | None = None) -> ImportReport:
    """Let a dry run never be confirmed. Raises `NotFound`, or `Conflict` for one that was."""
    with context.database.transaction() as session:
        taken = lock_import(session, import_id, versions)
        if taken.status in (ImportStatus.CONFIRMING, ImportStatus.CONFIRMED):
            raise Conflict("import_confirmed", f"import {import_id} is {taken.status}: its contacts are taken over")
        if taken.status == ImportStatus.DRY_RUN:
            taken.status = ImportStatus.CANCELLED
            audit.record(session, actor=by, act="import.discarded", subject="import", subject_id=import_id)
        return report_of(session, taken)
