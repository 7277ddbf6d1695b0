"""Take a dry run over: confirm it, and go on where a confirmation was cut off.

One transaction for each chunk, because it holds the locks of contacts and a list may have a million; where it is cut
off, the next confirmation, or the sweep, goes on. Marked numbers come first: nobody is texted while the rest is taken
over.
"""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from services.core.domain.failures import Conflict
from services.core.domain.imports import ImportStatus, RowOutcome
from services.core.runtime import failpoints, tracing
from services.core.storage import audit, clock, imports
from services.core.storage.database import Session
from services.core.storage.models import Import
from services.core.usecases.contacts.find_imports import show_import
from services.core.usecases.contacts.import_state import lock_import
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views.contacts import ImportReport

DRY_RUN_HOLDS_FOR = timedelta(hours=24)
SECONDS_AT_MOST = 25.0
"""Of one task that goes on with a confirmation, well below a task's limit."""


def confirm_import(context: Context, import_id: int, *, by: str, versions: Versions | None = None) -> ImportReport:
    """Take the dry run over: each row is judged again as it is. A second confirmation changes nothing, and goes on
    with one that was cut off.

    Raises `NotFound`, or `Conflict` when the dry run is discarded or older than a day.
    """
    with context.database.transaction() as session:
        taken = lock_import(session, import_id, versions)
        if taken.status == ImportStatus.DRY_RUN:
            _begin(session, taken, by=by)
        if taken.status == ImportStatus.CANCELLED:
            raise Conflict("import_discarded", f"import {import_id} was discarded: import the file again")
    while _go_on(context, import_id):
        pass
    return show_import(context, import_id)


def resume_import(context: Context, import_id: int, *, elapsed: Callable[[], float] = monotonic) -> bool:
    """Go on with a confirmation that was cut off, for the time that a task has; whether it is done."""
    began = elapsed()
    while _go_on(context, import_id):
        if elapsed() - began > SECONDS_AT_MOST:
            with context.database.transaction() as session:
                lock_import(session, import_id).progress_at = None  # the sweep publishes it at once
            return False
    return True


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
        taken = lock_import(session, import_id)
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
