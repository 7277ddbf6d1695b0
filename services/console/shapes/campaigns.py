"""Campaigns, their windows, audiences and plans."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from services.console.shapes.values import Answered, Duration, Id, Instant, Short, Taken, example
from services.core.domain.campaigns import CampaignStatus
from services.core.domain.messages import MessageKind

EXAMPLE_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class Window(Taken):
    """Local times of `zone`; weekday 0 is Monday. A reversed window says that it crosses midnight."""

    opens: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["09:00"])
    closes: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["17:00"])
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] | None = Field(default=None, min_length=1, max_length=7)
    zone: Short | None = Field(default=None, examples=["America/New_York"])
    holidays_closed: bool = True
    crosses_midnight: bool = False


class ImportAudience(Taken):
    import_id: Id = Field(alias="import")


class EveryoneAudience(Taken):
    everyone: Literal[True] = Field(alias="all")


class NewCampaign(Taken):
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
    audience: ImportAudience | EveryoneAudience
    kind: Annotated[MessageKind, Field(strict=False)] = MessageKind.MARKETING
    template_b: str | None = Field(default=None, min_length=1, max_length=5000)
    split_percent_b: int = Field(default=0, ge=0, le=100)
    window: Window | None = None
    daily_cap: int | None = Field(default=None, ge=1, le=100_000)
    batch_size: int | None = Field(default=None, ge=1, le=10_000)
    batch_every: Duration | None = None
    ids_per_task: int | None = Field(default=None, ge=1, le=50)
    ends_at: Instant | None = None
    fields: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]] = Field(
        default_factory=list, max_length=50, description="Names of the audience's own fields that the texts use."
    )


class StartCampaign(Taken):
    model_config = example({"plan_hash": EXAMPLE_HASH})

    plan_hash: str = Field(pattern=r"^[0-9a-f]{64}$", description="The hash of the plan that was read and approved.")


class Plan(Answered):
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


class CampaignSummary(Answered):
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

    campaign_id: int
    name: str
    kind: MessageKind
    status: CampaignStatus
    version: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Campaign(Answered):
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

    campaign_id: int
    name: str
    kind: MessageKind
    status: CampaignStatus
    version: int
    plan_hash: str | None
    plan: dict[str, Any] | None
    messages: dict[str, int]
    started_at: datetime | None
    finished_at: datetime | None
