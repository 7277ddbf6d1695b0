"""Messages, and why each was sent or wasn't."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from services.core.domain.messages import Direction, MessageKind, MessageStatus
from services.core.views.values import OfPerson, RowId, View, example

MESSAGE: dict[str, Any] = {
    "message_id": 42,
    "direction": "outgoing",
    "kind": "marketing",
    "campaign_id": 1,
    "contact_id": 17,
    "phone": "+12025550143",
    "e164": "+12025550143",
    "status": "delivered",
    "reason": None,
    "segments": 1,
    "not_before": "2026-03-02T18:00:00Z",
    "submitted_at": "2026-03-02T18:00:01Z",
    "receipt_at": "2026-03-02T18:00:04Z",
    "created_at": "2026-03-02T17:59:00Z",
    "variant": "a",
    "body": "Hi Ada, time to look at the foundation. Reply STOP to opt out.",
    "attempts": 1,
    "provider_message_id": "AC3b1f0c",
    "provider_error_code": None,
    "opted_out_in_flight": False,
}


class Message(OfPerson):
    model_config = example(MESSAGE)

    message_id: RowId
    direction: Direction
    kind: MessageKind
    campaign_id: int | None
    contact_id: int | None
    status: MessageStatus
    reason: str | None
    segments: int
    not_before: datetime | None
    submitted_at: datetime | None
    receipt_at: datetime | None
    created_at: datetime
    variant: str | None
    body: str | None
    attempts: int
    provider_message_id: str | None
    provider_error_code: str | None
    opted_out_in_flight: bool


class StepKind(StrEnum):
    """`gate` is the send gate's decision, `decision` a person's or a job's."""

    GATE = "gate"
    DECISION = "decision"
    ATTEMPT_BEGUN = "attempt_begun"
    ATTEMPT_ENDED = "attempt_ended"
    LOOK = "look"
    WAIT = "wait"
    RECEIPT = "receipt"


class _Step(View):
    """One thing that happened to a message, or that it waits for now."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    at: datetime
    what: str
    reason: str


class DecisionStep(_Step):
    kind: Literal[StepKind.DECISION] = StepKind.DECISION
    until: datetime | None = None


class GateStep(_Step):
    """With what the gate went by: where the person may be, and the day's texts of the number and of the account.

    Read from rows of any age: a fact that is added later is missing in older ones, so it needs a default here.
    """

    kind: Literal[StepKind.GATE] = StepKind.GATE
    until: datetime | None
    zones: list[str]
    states: list[str]
    facts_disagree: bool
    number_used: int
    number_cap: int
    account_used: int


class BegunStep(_Step):
    kind: Literal[StepKind.ATTEMPT_BEGUN] = StepKind.ATTEMPT_BEGUN


class EndedStep(_Step):
    kind: Literal[StepKind.ATTEMPT_ENDED] = StepKind.ATTEMPT_ENDED
    http_status: int | None


class LookStep(_Step):
    """A look at the provider's list; `control_seen`: it showed a text that surely was sent."""

    kind: Literal[StepKind.LOOK] = StepKind.LOOK
    control_seen: bool


class WaitStep(_Step):
    """`until` is the earliest instant at which it can be over."""

    kind: Literal[StepKind.WAIT] = StepKind.WAIT
    until: datetime | None


class ReceiptStep(_Step):
    kind: Literal[StepKind.RECEIPT] = StepKind.RECEIPT


Step = Annotated[
    DecisionStep | GateStep | BegunStep | EndedStep | LookStep | WaitStep | ReceiptStep, Field(discriminator="kind")
]


class Explanation(View):
    """Why a message was sent, wasn't, or waits."""

    model_config = example(
        {
            "message_id": 42,
            "status": "pending",
            "reason": None,
            "campaign": "Spring check",
            "not_before": "2026-03-03T14:00:00Z",
            "provider_message_id": None,
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "trace_kept": True,
            "begun_by_trace_id": "0af7651916cd43dd8448eb211c80319c",
            "opted_out_in_flight": False,
            "steps": [
                {
                    "at": "2026-03-02T23:10:00Z",
                    "what": "gate deferred",
                    "reason": "G3: business_window_closed",
                    "kind": "gate",
                    "until": "2026-03-03T14:00:00Z",
                    "zones": ["America/New_York"],
                    "states": ["DC"],
                    "facts_disagree": False,
                    "number_used": 12,
                    "number_cap": 125,
                    "account_used": 12,
                },
                {
                    "at": "2026-03-02T23:30:00Z",
                    "what": "waits",
                    "kind": "wait",
                    "reason": "instant: it is not to be sent before",
                    "until": "2026-03-03T14:00:00Z",
                },
            ],
        }
    )

    message_id: RowId
    status: MessageStatus
    reason: str | None
    campaign: str | None
    not_before: datetime | None
    provider_message_id: str | None
    trace_id: str | None
    trace_kept: bool
    begun_by_trace_id: str | None
    opted_out_in_flight: bool
    steps: list[Step]
