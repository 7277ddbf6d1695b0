"""The provider's account, our webhook there, and what must be known before the first production send."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from services.core.views.installation import HealthPart
from services.core.views.values import Input, View, example


class ChecklistState(StrEnum):
    SETTLED = "settled"
    OPEN = "open"
    NOT_NEEDED = "not_needed"


ITEM = {
    "key": "daily_cap",
    "question": "What is the account's daily cap, and what do groups and retries cost?",
    "how": "ask the provider's support; set number and account caps below it",
    "state": "settled",
    "note": "1,500 a day, by support",
    "by": "maria",
    "at": "2026-03-02T18:00:00Z",
}


class ProviderCheck(View):
    """Each part of the account with what was found, and what to do where it is not well."""

    model_config = example(
        {
            "is_ready": False,
            "parts": [
                {
                    "name": "subscription",
                    "well": False,
                    "found": "not active",
                    "remedy": "renew the subscription at the provider: it refuses every text meanwhile",
                    "age": None,
                }
            ],
        }
    )

    is_ready: bool
    parts: list[HealthPart]


class RegisterWebhook(Input):
    model_config = example({"url": "https://texts.example.com/webhooks/openphone"})

    url: str = Field(min_length=1, max_length=2000)


class RotateWebhook(Input):
    model_config = example({"webhook_id": "WH3b1f0c"})

    webhook_id: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_-]{1,100}$", description="null: the webhook of the settings"
    )


class WebhookKey(View):
    """A signing key, told this once; `next` says what to set."""

    model_config = example(
        {
            "webhook_id": "WH3b1f0c",
            "url": "https://texts.example.com/webhooks/openphone",
            "key": "whsec_c3RhbmRhcmQta2V5LW9mLWFuLWV4YW1wbGU=",
            "next": ["set ATTACKACRACK_PROVIDER_WEBHOOK_ID=WH3b1f0c"],
        }
    )

    webhook_id: str
    url: str
    key: str
    next: list[str]


class ChecklistItem(View):
    """A question that only the live account answers, with its latest answer."""

    model_config = example(ITEM)

    key: str
    question: str
    how: str
    state: ChecklistState
    note: str | None
    by: str | None
    at: datetime | None


class Checklist(View):
    model_config = example({"is_settled": True, "items": [ITEM]})

    is_settled: bool
    items: list[ChecklistItem]


class AnswerItem(Input):
    model_config = example({"state": "settled", "note": "1,500 a day, by support"})

    state: Annotated[ChecklistState, Field(strict=False)]
    note: str = Field(default="", max_length=1000)
