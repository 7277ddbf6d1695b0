"""The record of who did what."""

from datetime import datetime
from typing import Any

from services.core.views.values import RowId, View, example


class AuditEntry(View):
    """One act; `address` is where it came from over the API, null at the command line and in the background."""

    model_config = example(
        {
            "entry_id": 311,
            "at": "2026-03-02T18:00:00Z",
            "actor": "office",
            "act": "message.released",
            "subject": "message",
            "subject_id": 42,
            "address": "10.2.0.17",
            "detail": {"reason": "called her: nothing came", "second": None, "listed": 12},
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        }
    )

    entry_id: RowId
    at: datetime
    actor: str
    act: str
    subject: str
    subject_id: int | None
    address: str | None
    detail: dict[str, Any]
    trace_id: str | None
