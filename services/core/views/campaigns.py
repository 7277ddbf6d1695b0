"""Campaigns, their windows, audiences and plans."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from services.core.domain.campaigns import CampaignStatus, StopReason
from services.core.domain.comparison import Comparison, Rate
from services.core.domain.drift import Drift
from services.core.domain.messages import MessageKind
from services.core.domain.segments import Encoding
from services.core.views.values import (
    EXAMPLE_AT,
    Duration,
    Id,
    Input,
    Instant,
    OfPerson,
    RowId,
    Short,
    Span,
    View,
    example,
)

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


Audience = ImportAudience | EveryoneAudience | FailedAudience
Text = Annotated[str, Field(min_length=1, max_length=5000)]
Kind = Annotated[MessageKind, Field(strict=False)]
Fields = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=50)]
OF_THE_TEXTS = "Names of the audience's own fields that the texts use."


class EditCampaign(Input):
    """What is to be otherwise in a draft. What isn't named stays; null takes back what a campaign needn't have."""

    model_config = example({"template_a": "Hi {{first_name|there}}, a new offer. Reply STOP to opt out."})

    name: Short | None = None
    template_a: Text | None = None
    audience: Audience | None = None
    kind: Kind | None = None
    template_b: Text | None = None
    split_percent_b: int | None = Field(default=None, ge=0, le=100)
    window: Window | None = None
    daily_cap: int | None = Field(default=None, ge=1, le=100_000)
    batch_size: int | None = Field(default=None, ge=1, le=10_000)
    batch_every: Duration | None = None
    ids_per_task: int | None = Field(default=None, ge=1, le=50)
    ends_at: Instant | None = None
    fields: Fields | None = Field(default=None, description=OF_THE_TEXTS)

    def given(self) -> dict[str, Any]:
        """What is named, by its name, null included."""
        return {name: getattr(self, name) for name in EditCampaign.model_fields if name in self.model_fields_set}


class NewCampaign(EditCampaign):
    model_config = example(
        {
            "name": "Spring check",
            "template_a": "Hi {{first_name|there}}, time to look at the foundation. Reply STOP to opt out.",
            "audience": {"import": 1},
            "daily_cap": 125,
        }
    )

    name: Short
    template_a: Text
    audience: Audience
    kind: Kind = MessageKind.MARKETING
    split_percent_b: int = Field(default=0, ge=0, le=100)
    fields: Fields = Field(default_factory=list, description=OF_THE_TEXTS)


class PreviewCampaign(EditCampaign):
    """A saved campaign's text, one that isn't saved yet, or a saved one with what is to be otherwise in it."""

    model_config = example(
        {"template_a": "Hi {{first_name|there}}, a new offer. Reply STOP to opt out.", "audience": {"import": 1}}
    )

    campaign_id: Id | None = Field(
        default=None, description="Whose text it is; without it text and audience are named."
    )
    people: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        default_factory=list,
        max_length=3,
        description="Ids or numbers of people of the audience; without them the first three that get a text.",
    )


class PreviewedText(OfPerson):
    """What one person would get, or why nothing. `forced_by` is the character that makes the text UCS-2."""

    contact_id: int
    first_name: str | None
    last_name: str | None
    variant: str
    body: str | None
    reason: str | None
    encoding: Encoding | None
    units: int = Field(description="Septets of GSM-7, or units of UTF-16, escapes included.")
    segments: int
    forced_by: str | None
    cost_usd: Decimal


class TextFinding(View):
    """Why a text is refused when it is saved; `position` counts characters from 0."""

    pointer: str
    code: str
    message: str
    position: int


class Preview(View):
    """Three people's texts as they would be sent now, and the first person who gets none."""

    model_config = example(
        {
            "campaign_id": None,
            "people": [
                {
                    "contact_id": 17,
                    "phone": "+12025550143",
                    "e164": "+12025550143",
                    "first_name": "Ada",
                    "last_name": None,
                    "variant": "a",
                    "body": "Hi Ada, a new offer. Reply STOP to opt out.",
                    "reason": None,
                    "encoding": "gsm_7",
                    "units": 44,
                    "segments": 1,
                    "forced_by": None,
                    "cost_usd": "0.01",
                }
            ],
            "first_refused": None,
            "looked_at": 285,
            "is_whole": True,
            "findings": [],
        }
    )

    campaign_id: int | None
    people: list[PreviewedText]
    first_refused: PreviewedText | None
    looked_at: int = Field(description="How many of the audience were looked at for it.")
    is_whole: bool = Field(description="Whether those were all of them.")
    findings: list[TextFinding]


class ChangeCampaign(Input):
    """A started campaign's pace and end. What isn't named stays; null is the installation's window, or no end."""

    model_config = example({"daily_cap": 200, "change_hash": EXAMPLE_HASH})

    daily_cap: int | None = Field(default=None, ge=1, le=100_000)
    window: Window | None = None
    ends_at: Instant | None = None
    change_hash: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="The hash of the change that was shown and is to be made; without it the change is only shown.",
    )


class Pace(View):
    """How fast a campaign goes, until when, and what comes of that."""

    daily_cap: int
    window: Window | None
    ends_at: datetime | None
    finish_at: datetime | None = Field(description="When the last text will have left, the end left aside.")
    past_end: int = Field(description="Texts that the end comes before: they are never sent.")


class CampaignChange(View):
    """What a change does; naming `change_hash` makes it."""

    model_config = example(
        {
            "campaign_id": 1,
            "version": 4,
            "change_hash": EXAMPLE_HASH,
            "is_made": False,
            "waiting": 160,
            "before": {
                "daily_cap": 125,
                "window": None,
                "ends_at": None,
                "finish_at": "2026-03-04T15:00:00Z",
                "past_end": 0,
            },
            "after": {
                "daily_cap": 200,
                "window": None,
                "ends_at": None,
                "finish_at": "2026-03-03T18:00:00Z",
                "past_end": 0,
            },
        }
    )

    campaign_id: int
    version: int
    change_hash: str
    is_made: bool
    waiting: int = Field(description="Texts that have not left.")
    before: Pace
    after: Pace


class StartCampaign(Input):
    model_config = example({"plan_hash": EXAMPLE_HASH, "at": EXAMPLE_AT})

    plan_hash: str = Field(pattern=r"^[0-9a-f]{64}$", description="The hash of the plan that was read and approved.")
    at: Instant | None = Field(
        default=None, description="When to start, in product time: the plan is checked again then. Null: now."
    )


class PlanSums(View):
    """How many are texted, how many are not and why, and what it costs."""

    recipients: int
    excluded: dict[str, int]
    deferred: dict[str, int] = Field(description="Recipients who wait beyond their day: texted too short a while ago.")
    variants: dict[str, int]
    segments: int
    cost_usd: Decimal
    finish_at: datetime | None


class _Planned(View):
    campaign_id: int
    plan_hash: str


class Plan(PlanSums, _Planned):
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
            "plan": {
                "recipients": 285,
                "excluded": {"opted_out": 5, "missing_fields": 3},
                "deferred": {"contact_frequency": 12},
                "variants": {"a": 285},
                "segments": 290,
                "cost_usd": "2.90",
                "finish_at": "2026-03-04T21:30:00Z",
            },
            "messages": {"pending": 160, "sent": 4, "delivered": 120, "undelivered": 1},
            "started_at": "2026-03-02T18:00:00Z",
            "finished_at": None,
            "template_a": "Hi {{first_name|there}}, time to look at the foundation. Reply STOP to opt out.",
            "template_b": None,
            "split_percent_b": 0,
            "audience": {"import": 1},
            "fields": [],
            "window": None,
            "daily_cap": 125,
            "batch_size": 25,
            "batch_every": "PT30M",
            "ids_per_task": 10,
            "ends_at": None,
            "starts_at": None,
            "drift": None,
            "stopped_at": None,
            "stopped_because": None,
            "stopped_detail": None,
        }
    )

    campaign_id: RowId
    name: str
    kind: MessageKind
    status: CampaignStatus
    version: int
    plan_hash: Annotated[str | None, BeforeValidator(_hex)]
    plan: PlanSums | None
    messages: dict[str, int]
    started_at: datetime | None
    finished_at: datetime | None
    template_a: str
    template_b: str | None
    split_percent_b: int
    audience: dict[str, Any]
    fields: list[str]
    window: Window | None
    daily_cap: int
    batch_size: int
    batch_every: Span
    ids_per_task: int
    ends_at: datetime | None
    starts_at: datetime | None = Field(description="When a scheduled campaign starts.")
    drift: Drift | None = Field(description="How far the plan was from the approved one at the scheduled start.")
    stopped_at: datetime | None
    stopped_because: StopReason | None = Field(description="Why it waits for a person, though none told it to.")
    stopped_detail: dict[str, Any] | None


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
