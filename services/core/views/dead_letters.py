"""Work that gave up, and putting it back."""

from datetime import datetime
from typing import Any

from pydantic import Field

from services.core.views.values import Id, Input, Reason, RowId, View, example

LETTER: dict[str, Any] = {
    "letter_id": 9,
    "task": "process_webhook",
    "args": [["311"]],
    "reason": "gave_up",
    "error": "DatabaseUnavailable",
    "attempts": 6,
    "created_at": "2026-03-02T19:00:00Z",
    "replayed_at": None,
    "discarded_at": None,
    "replayed_by": None,
    "discarded_by": None,
    "note": None,
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}


class DeadLetter(View):
    """`note` says why it was discarded."""

    model_config = example(LETTER)

    letter_id: RowId
    task: str = Field(validation_alias="name")
    args: list[Any]
    reason: str
    error: str
    attempts: int
    created_at: datetime
    replayed_at: datetime | None
    discarded_at: datetime | None
    replayed_by: str | None
    discarded_by: str | None
    note: str | None
    trace_id: str | None


class Replay(Input):
    model_config = example({"dry_run": True})

    dry_run: bool = Field(default=False, description="Say what would be replayed; change nothing.")


class SeveralLetters(Input):
    """Which letters are replayed: those that are named, or the oldest open ones up to `limit`."""

    letter_ids: list[Id] | None = Field(default=None, min_length=1)
    limit: int = Field(default=100, ge=1, le=1000)
    per_second: float = Field(default=10, ge=0.1, le=1000, description="At most so many are put back in a second.")
    dry_run: bool = Field(default=False, description="Say what would be replayed; change nothing.")


class ReplayMany(SeveralLetters):
    """No more, and no slower, than a request has time for."""

    model_config = example({"letter_ids": [9, 10], "dry_run": True})

    letter_ids: list[Id] | None = Field(
        default=None, min_length=1, max_length=100, description="null: the oldest open ones, up to `limit`"
    )
    limit: int = Field(default=100, ge=1, le=100)
    per_second: int = Field(default=10, ge=5, le=100, description="At most so many are put back in a second.")


class ReplayRefused(View):
    letter_id: int
    code: str
    detail: str


class Replayed(View):
    """The letters that were put back, or with `dry_run` would have been, and those that could not be."""

    model_config = example(
        {
            "dry_run": True,
            "items": [LETTER],
            "refused": [
                {"letter_id": 10, "code": "dead_letter_closed", "detail": "dead letter 10 was replayed before"}
            ],
            "next": None,
        }
    )

    dry_run: bool
    items: list[DeadLetter]
    refused: list[ReplayRefused]
    next: None


class Discard(Input):
    model_config = example({"note": "the contact was erased on request"})

    note: Reason
