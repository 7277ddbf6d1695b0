"""An import's state: locked to be changed, and how it is shown."""

from services.core.domain.failures import NotFound
from services.core.domain.imports import RowOutcome
from services.core.storage import imports
from services.core.storage.database import Session
from services.core.storage.models import Import
from services.core.usecases.versions import Versions, check_version, version_of
from services.core.views.contacts import ImportReport


def lock_import(session: Session, import_id: int, versions: Versions | None = None) -> Import:
    """The import, locked until the transaction ends, and of one of `versions` where any are named.

    Raises `NotFound`, or `RefusedInput` (412) when it was changed since whoever acts has read it.
    """
    locked = imports.lock(session, import_id)
    if locked is None:
        raise NotFound("import", import_id)
    check_version(lambda: version_of(report_of(session, locked)), versions, noun="import")
    return locked


def report_of(session: Session, row: Import) -> ImportReport:
    """The import with what was found in its file."""
    session.flush()
    session.refresh(row)
    found = row.findings
    return ImportReport.of(
        row,
        rejections=found["rejections"] if "rejections" in found else imports.rejections(session, row.id),
        warnings=found.get("warnings", {}),
        foreseen={name.value: row.foreseen[name] for name in RowOutcome} if row.foreseen is not None else None,
        columns=found.get("columns", []),
        unread_phones=found.get("unread_phones", []),
    )
