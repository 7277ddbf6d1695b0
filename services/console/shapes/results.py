"""What came of a campaign, and another try."""

from datetime import datetime

from pydantic import Field

from services.console.shapes.values import Answered, OfPerson, PageQuery, Short, Span, Taken, example
from services.core.domain.campaigns import CampaignStatus
from services.core.domain.comparison import Verdict


class CloneCampaign(Taken):
    model_config = example({"name": "Spring check, again", "only_failed": True})

    name: Short
    only_failed: bool = Field(default=False, description="For those whom an ended campaign's text failed to reach.")


class Rate(Answered):
    """The share of people who answered, with its 95 % confidence interval."""

    texted: int
    responses: int
    rate: float | None
    low: float | None
    high: float | None


class VariantResults(Answered):
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


class Comparison(Answered):
    """Whether one text was answered more often than the other; `p_value` is null where there is not enough data."""

    verdict: Verdict
    p_value: float | None


class Results(Answered):
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

    campaign_id: int
    name: str
    status: CampaignStatus
    variants: list[VariantResults]
    comparison: Comparison | None


class RecipientsQuery(PageQuery):
    excluded: bool = Field(default=False, description="true: only those who get nothing")
    deferred: bool = Field(default=False, description="true: only those who wait, texted too short a while ago")


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
