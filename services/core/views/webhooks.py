"""Received webhooks, and what is done with those that were set aside."""

from datetime import datetime
from typing import Any

from pydantic import Field

from services.core.domain.inbox import InboxStatus
from services.core.views.values import Id, Input, Reason, RowId, View, example

WEBHOOK: dict[str, Any] = {
    "webhook_id": 311,
    "status": "quarantined",
    "reason": "stale_signature",
    "event_type": "message.received",
    "event_id": "EV0000000000000000000000000000311",
    "scheme": "standard",
    "delivery_id": "msg_3G7tK2pQx9LmVb4nRs8wYc1dEfH",
    "signed_at": "2026-03-02T18:40:00Z",
    "received_at": "2026-03-02T19:00:00Z",
    "handled_at": None,
    "attempts": 0,
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}


class Webhook(View):
    """A delivery as it was stored; `reason` says why it was set aside or had no effect."""

    model_config = example(WEBHOOK)

    webhook_id: RowId
    status: InboxStatus
    reason: str | None
    event_type: str | None
    event_id: str | None
    scheme: str
    delivery_id: str | None
    signed_at: datetime | None
    received_at: datetime
    handled_at: datetime | None
    attempts: int
    trace_id: str | None


class WebhookBody(Webhook):
    """A delivery with its body, which is null once it was erased."""

    model_config = example(
        WEBHOOK | {"api_version": "2026-03-30", "text": '{"id": "EV0"}', "raw": "eyJpZCI6ICJFVjAifQ=="}
    )

    api_version: str | None
    text: str | None
    raw: str | None = Field(description="The very bytes, in base64.")


class ReplayWebhook(Input):
    model_config = example({"dry_run": True})

    dry_run: bool = Field(default=False, description="Say whether it can be read now; change nothing.")


class SeveralWebhooks(Input):
    """Which webhooks are replayed: those that are named, or the oldest quarantined ones up to `limit`."""

    webhook_ids: list[Id] | None = Field(default=None, min_length=1)
    limit: int = Field(default=100, ge=1, le=1000)
    dry_run: bool = Field(default=False, description="Say what would be replayed; change nothing.")


class ReplayWebhooks(SeveralWebhooks):
    """No more than a request has time for."""

    model_config = example({"webhook_ids": [311], "dry_run": True})

    webhook_ids: list[Id] | None = Field(
        default=None, min_length=1, max_length=100, description="null: the oldest quarantined ones, up to `limit`"
    )
    limit: int = Field(default=100, ge=1, le=100)


class WebhookRefused(View):
    webhook_id: int
    code: str
    detail: str


class WebhooksReplayed(View):
    """The webhooks that go to be handled, or with `dry_run` would, and those that can't."""

    model_config = example(
        {
            "dry_run": True,
            "items": [WEBHOOK],
            "refused": [
                {"webhook_id": 312, "code": "webhook_unreadable", "detail": "webhook 312 can't be read: not_json"}
            ],
            "next": None,
        }
    )

    dry_run: bool
    items: list[Webhook]
    refused: list[WebhookRefused]
    next: None


class DiscardWebhook(Input):
    model_config = example({"note": "a test event of the provider's"})

    note: Reason
