"""Nightly clean-up: what `services/RETENTION.md` says, in batches small enough to harm nobody."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Protocol

from services.core.storage import retention
from services.core.storage.database import Session
from services.core.usecases.context import Context

ROWS_AT_ONCE = 1000
SECONDS_AT_MOST = 30.0

BODIES_KEPT = timedelta(days=30)
IDS_KEPT = timedelta(days=400)
HISTORY_KEPT = timedelta(days=90)
KEYS_KEPT = timedelta(days=2)
DRY_RUNS_KEPT = timedelta(days=2)
LINKS_KEPT = timedelta(days=2)


class Forget(Protocol):
    def __call__(self, session: Session, /, *, older_than: timedelta, limit: int) -> int: ...


RULES: tuple[tuple[str, Forget, timedelta], ...] = (
    ("webhook_bodies", retention.erase_bodies, BODIES_KEPT),
    ("texts", retention.erase_texts, BODIES_KEPT),
    ("planned_texts", retention.erase_planned_texts, BODIES_KEPT),
    ("import_rows", retention.drop_import_rows, BODIES_KEPT),
    ("unconfirmed_rows", retention.drop_unconfirmed_rows, DRY_RUNS_KEPT),
    ("effects", retention.drop_effects, IDS_KEPT),
    ("task_runs", retention.drop_task_runs, HISTORY_KEPT),
    ("health_reports", retention.drop_health_reports, HISTORY_KEPT),
    ("decisions", retention.drop_decisions, IDS_KEPT),
    ("looks", retention.drop_looks, IDS_KEPT),
    ("closed_letters", retention.drop_closed_letters, HISTORY_KEPT),
    ("idempotency_keys", retention.drop_idempotency_keys, KEYS_KEPT),
    ("sign_in_links", retention.drop_sign_in_links, LINKS_KEPT),
    ("agreements", retention.drop_agreements, LINKS_KEPT),
    ("user_sessions", retention.drop_user_sessions, HISTORY_KEPT),
)


def clean_up(context: Context, *, elapsed: Callable[[], float] = monotonic) -> dict[str, int]:
    """Apply each rule batch by batch; what does not fit into the run's time is left for the next night.

    Answers how many rows each rule touched.
    """
    began = elapsed()
    touched = dict.fromkeys((name for name, _, _ in RULES), 0)
    for name, forget, kept in RULES:
        while elapsed() - began < SECONDS_AT_MOST:
            with context.database.transaction() as session:
                count = forget(session, older_than=kept, limit=ROWS_AT_ONCE)
            touched[name] += count
            if count == 0:
                break
    return touched
