"""Held messages, their evidence, and a person's decision about one."""

from datetime import datetime

from pydantic import Field

from services.console.shapes.values import Answered, Reason, Taken, example
from services.core.domain.messages import MessageStatus


class Look(Answered):
    """One look at the provider's list: what could be the text, and whether a text that surely was sent was seen."""

    at: datetime
    listed: int
    candidates: list[str]
    control_seen: bool


class Attempt(Answered):
    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    detail: str | None
    http_status: int | None
    looks: list[Look]


class Held(Answered):
    """A held message with its evidence; `risk` says what a release would mean."""

    model_config = example(
        {
            "message_id": 42,
            "campaign_id": 1,
            "contact_id": 17,
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
    )

    message_id: int
    campaign_id: int | None
    contact_id: int | None
    e164: str
    status: MessageStatus
    reason: str | None
    body: str | None
    provider_message_id: str | None
    opted_out_in_flight: bool
    attempts: list[Attempt]
    risk: str


class Decision(Taken):
    model_config = example({"reason": "called her: nothing came"})

    reason: Reason


class Binding(Taken):
    model_config = example({"provider_message_id": "AC3b1f0c", "reason": "same text, seen in the app"})

    provider_message_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")
    reason: Reason
