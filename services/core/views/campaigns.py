"""Campaigns, their windows, audiences and plans."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.comparison import Comparison, Rate
from services.core.domain.messages import MessageKind
from services.core.views.values import Duration, Id, Input, Instant, OfPerson, RowId, Short, Span, View, example

EXAMPLE_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _hex(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


class Window(Input):
    """Local times of `zone`; weekday 0 is Monday. A reversed window says that it crosses midnight."""

    opens: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["09:00"])
    closes: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["17:00"])
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] | None = Field(default=None, min_length=1, max_length=7)
    zone: Short | None = Field(default=None, examples=["America/New_York"])
    holidays_closed: bool = True
    crosses_midnight: bool = False


class ImportAudience(Input):
    import_id: Id = Field(alias="import")


class EveryoneAudience(Input):
    everyone: Literal[True] = Field(alias="all")


class FailedAudience(Input):
    """Whom the text of a campaign that is over failed to reach."""

    failed_of: Id


class NewCampaign(Input):
    model_config = example(
        {
            "name": "Spring check",
            "template_a": "Hi {{first_name|there}}, time to look at the foundation. Reply STOP to opt out.",
            "audience": {"import": 1},
            "daily_cap": 125,
        }
    )

    name: Short
    template_a: str = Field(min_length=1, max_length=5000)
    audience: ImportAudience | EveryoneAudience | FailedAudience
    kind: Annotated[MessageKind, Field(strict=False)] = MessageKind.MARKETING
    template_b: str | None = Field(default=None, min_length=1, max_length=5000)
    split_percent_b: int = Field(default=0, ge=0, le=100)
    window: Window | None = None
    daily_cap: int | None = Field(default=None, ge=1, le=100_000)
    batch_size: int | None = Field(default=None, ge=1, le=10_000)
    batch_every: Duration | None = None
    ids_per_task: int | None = Field(default=None, ge=1, le=50)
    ends_at: Instant | None = None
    fields: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        default_factory=list, max_length=50, description="Names of the audience's own fields that the texts use."
    )


class StartCampaign(Input):
    model_config = example({"plan_hash": EXAMPLE_HASH})

    plan_hash: str = Field(pattern=r"^[0-9a-f]{64}$", description="The hash of the plan that was read and approved.")


class Plan(View):
    """Who is texted, who is not and why, and what it costs; start names `plan_hash`."""

    model_config = example(
        {
            "campaign_id": 1,
            "plan_hash": EXAMPLE_HASH,
            "recipients": 285,
            "excluded": {"opted_out": 5, "missing_fields": 3},
            "deferred": {"contact_frequency": 12},
            "variants": {"a": 285},
            "segments": 290,
            "cost_usd": "2.90",
            "finish_at": "2026-03-04T21:30:00Z",
        }
    )

    campaign_id: int
    plan_hash: str
    recipients: int
    excluded: dict[str, int]
    deferred: dict[str, int] = Field(description="Recipients who wait beyond their day: texted too short a while ago.")
    variants: dict[str, int]
    segments: int
    cost_usd: Decimal
    finish_at: datetime | None


class CampaignSummary(View):
    model_config = example(
        {
            "campaign_id": 1,
            "name": "Spring check",
            "kind": "marketing",
            "status": "running",
            "version": 3,
            "created_at": "2026-03-02T17:00:00Z",
            "started_at": "2026-03-02T18:00:00Z",
            "finished_at": None,
        }
    )

    campaign_id: RowId
    name: str
    kind: MessageKind
    status: CampaignStatus
    version: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Campaign(View):
    """A campaign with its messages counted by state."""

    model_config = example(
        {
            "campaign_id": 1,
            "name": "Spring check",
            "kind": "marketing",
            "status": "running",
            "version": 3,
            "plan_hash": EXAMPLE_HASH,
            "plan": {"recipients": 285, "segments": 290, "cost_usd": "2.90"},
            "messages": {"pending": 160, "sent": 4, "delivered": 120, "undelivered": 1},
            "started_at": "2026-03-02T18:00:00Z",
            "finished_at": None,
        }
    )

    campaign_id: RowId
    name: str
    kind: MessageKind
    status: CampaignStatus
    version: int
    plan_hash: Annotated[str | None, BeforeValidator(_hex)]
    plan: dict[str, Any] | None
    messages: dict[str, int]
    started_at: datetime | None
    finished_at: datetime | None


class CloneCampaign(Input):
    model_config = example({"name": "Spring check, again", "only_failed": True})

    name: Short
    only_failed: bool = Field(default=False, description="For those whom an ended campaign's text failed to reach.")


class VariantResults(View):
    """One variant's messages by state. A response is a reply that is no opt-out, one a person."""

    variant: str
    messages: int
    sent: int
    delivered: int
    undelivered: int
    failed: int
    skipped: int
    open: int
    opt_outs: int
    response: Rate
    time_to_reply: Span | None


class Results(View):
    """Results by variant; `comparison` is there when the campaign tests two texts."""

    model_config = example(
        {
            "campaign_id": 1,
            "name": "Spring check",
            "status": "finished",
            "variants": [
                {
                    "variant": "a",
                    "messages": 285,
                    "sent": 2,
                    "delivered": 270,
                    "undelivered": 8,
                    "failed": 3,
                    "skipped": 2,
                    "open": 0,
                    "opt_outs": 4,
                    "response": {"texted": 280, "responses": 31, "rate": 0.1107, "low": 0.0791, "high": 0.1529},
                    "time_to_reply": "PT14M",
                }
            ],
            "comparison": None,
        }
    )

    campaign_id: RowId
    name: str
    status: CampaignStatus
    variants: list[VariantResults]
    comparison: Comparison | None


class Recipient(OfPerson):
    """A recipient with its end: `state` is the message's, else `planned` or `excluded`; `reason` says why."""

    model_config = example(
        {
            "recipient_id": 9,
            "contact_id": 17,
            "phone": "+12025550143",
            "e164": "+12025550143",
            "variant": "a",
            "state": "delivered",
            "reason": None,
            "segments": 1,
            "message_id": 42,
            "body": "Hi Ada, time to look at the foundation. Reply STOP to opt out.",
            "deferred_until": None,
            "submitted_at": "2026-03-02T18:00:01Z",
            "receipt_at": "2026-03-02T18:00:04Z",
            "replied_at": None,
            "opted_out_at": None,
            "first_name": "Ada",
            "last_name": None,
            "external_id": "C-17",
            "error_code": None,
        }
    )

    recipient_id: int
    contact_id: int
    variant: str
    state: str
    reason: str | None
    segments: int
    message_id: int | None
    body: str | None
    deferred_until: datetime | None
    submitted_at: datetime | None
    receipt_at: datetime | None
    replied_at: datetime | None
    opted_out_at: datetime | None
    first_name: str | None
    last_name: str | None
    external_id: str | None
    error_code: str | None
