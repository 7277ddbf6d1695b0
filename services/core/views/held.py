"""Held messages, their evidence, and a person's decision about one."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from services.core.domain.messages import MessageStatus
from services.core.views.values import Id, Input, OfPerson, Reason, RowId, View, example, text_only

HELD: dict[str, Any] = {
    "message_id": 42,
    "campaign_id": 1,
    "contact_id": 17,
    "phone": "+12025550143",
    "e164": "+12025550143",
    "status": "held",
    "reason": "unsettled",
    "body": "Hi Ada, time to look at the foundation. Reply STOP to opt out.",
    "provider_message_id": None,
    "opted_out_in_flight": False,
    "attempts": [
        {
            "number": 1,
            "started_at": "2026-03-02T18:00:01Z",
            "finished_at": "2026-03-02T18:00:16Z",
            "outcome": "unknown",
            "detail": "no answer within the deadline",
            "http_status": None,
            "looks": [
                {"at": "2026-03-02T18:01:16Z", "listed": 12, "candidates": [], "control_seen": False},
            ],
        }
    ],
    "risk": "no list proved that it was not sent: a release may text the person twice",
}


class Look(View):
    """One look at the provider's list: what could be the text, and whether a text that surely was sent was seen."""

    at: datetime
    listed: int
    candidates: list[str]
    control_seen: bool


class Attempt(View):
    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    detail: str | None
    http_status: int | None
    looks: list[Look]


class Held(OfPerson):
    """A held message with its evidence; `risk` says what a release would mean."""

    model_config = example(HELD)

    message_id: RowId
    campaign_id: int | None
    contact_id: int | None
    status: MessageStatus
    reason: str | None
    body: str | None
    provider_message_id: str | None
    opted_out_in_flight: bool
    attempts: list[Attempt]
    risk: str


class Undecided(View):
    message_id: int
    code: str
    detail: str


class Decided(View):
    """What a decision about many did, or with `dry_run` would do; `left` were not reached: ask again."""

    model_config = example(
        {
            "dry_run": True,
            "matched": 1,
            "items": [HELD],
            "refused": [{"message_id": 43, "code": "listed", "detail": "the provider lists this text as AC9: bind it"}],
            "left": 0,
            "next": None,
        }
    )

    dry_run: bool
    matched: int
    items: list[Held]
    refused: list[Undecided]
    left: int
    next: None


Age = Annotated[timedelta, Field(strict=False, ge=timedelta(0), le=timedelta(days=36500)), BeforeValidator(text_only)]


class SeveralHeld(Input):
    """Which held messages are decided together, oldest first; at least one of campaign, age and reason."""

    campaign_id: Id | None = None
    older_than: Age | None = None
    held_for: str | None = Field(default=None, min_length=1, max_length=100, description="held for this reason")
    limit: int = Field(default=100, ge=1, le=1000)
    dry_run: bool = Field(default=True, description="Only say how many and which; false does it.")
    reason: Reason


class Many(SeveralHeld):
    """No more than a request has time for; at least one of campaign, age and reason."""

    model_config = example({"campaign_id": 1, "older_than": "PT1H", "reason": "workers were killed", "dry_run": True})

    limit: int = Field(default=100, ge=1, le=100)


class Decision(Input):
    model_config = example({"reason": "called her: nothing came"})

    reason: Reason


class Binding(Input):
    model_config = example({"provider_message_id": "AC3b1f0c", "reason": "same text, seen in the app"})

    provider_message_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")
    reason: Reason
