"""Read the record of who did what, when and from where."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.core.domain.failures import RefusedInput
from services.core.runtime import tracing
from services.core.storage import audit
from services.core.storage.models import AuditEntry
from services.core.usecases.context import Context
from services.core.views.values import Page


@dataclass(frozen=True, slots=True)
class AuditView:
    """One act. `address` is where it came from over the API, `None` at the command line and in the background."""

    entry_id: int
    at: datetime
    actor: str
    act: str
    subject: str
    subject_id: int | None
    address: str | None
    detail: dict[str, Any]
    trace_id: str | None


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
) -> Page[AuditView]:
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
        views = [_view(row) for row in rows[:limit]]
        return Page(items=list(views), next=views[-1].entry_id if len(rows) > limit else None)


def _view(row: AuditEntry) -> AuditView:
    return AuditView(
        entry_id=row.id,
        at=row.at,
        actor=row.actor,
        act=row.act,
        subject=row.subject,
        subject_id=row.subject_id,
        address=row.address,
        detail=row.detail,
        trace_id=tracing.trace_id_of(row.traceparent),
    )
