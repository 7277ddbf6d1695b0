"""Read the record of who did what, when and from where."""

from datetime import datetime

from services.core.domain.failures import RefusedInput
from services.core.runtime import tracing
from services.core.storage import audit
from services.core.storage.models import AuditEntry
from services.core.usecases.context import Context
from services.core.views import audit as views
from services.core.views.values import Page, page_of


def list_audit(
    context: Context,
    *,
    actor: str | None = None,
    act: str | None = None,
    subject: str | None = None,
    subject_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int,
) -> Page[views.AuditEntry]:
    """Entries, newest first; `since` counts, `until` does not; `next` is the `before` of the following page.

    Raises `RefusedInput` for a subject's id without the subject, or a time that ends before it begins.
    """
    if subject_id is not None and subject is None:
        raise RefusedInput("subject_missing", "an id says nothing alone: name the subject too", pointer="/subject")
    if since is not None and until is not None and until <= since:
        raise RefusedInput("until_before_since", "the time must end after it begins", pointer="/until")
    chosen = audit.Chosen(actor=actor, act=act, subject=subject, subject_id=subject_id, since=since, until=until)
    with context.database.reading() as session:
        rows = audit.newest(session, chosen, before=before, limit=limit + 1)
        return page_of(rows, limit, _view)


def _view(row: AuditEntry) -> views.AuditEntry:
    return views.AuditEntry.of(row, trace_id=tracing.trace_id_of(row.traceparent))
