"""Received webhooks: what came in, byte for byte, and those that were set aside put back or discarded."""

from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import Field

from services.console.cursors import page_of
from services.console.endpoints import By, Endpoint, InContext, PathId
from services.console.shapes import Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.domain.inbox import InboxStatus
from services.core.usecases.webhooks import discard, find, replay
from services.core.views import webhooks as views


class WebhooksQuery(PageQuery):
    status: Annotated[InboxStatus | None, Field(strict=False)] = Field(default=None, description="null: all of them")


def list_webhooks(context: InContext, request: Request, query: Annotated[WebhooksQuery, Query()]) -> dict[str, Any]:
    """Webhooks by id, those of one state or all."""
    return page_of(
        request,
        query,
        lambda after, limit: find.list_webhooks(context, status=query.status, after=after, limit=limit),
    )


def show_webhook(context: InContext, webhook_id: PathId, response: Response) -> views.WebhookBody:
    """A webhook with the very bytes that came."""
    return tagged(response, find.show_webhook(context, webhook_id))


def replay_webhooks(context: InContext, by: By, chosen: views.ReplayWebhooks) -> views.WebhooksReplayed:
    """Read several, or the oldest quarantined ones, again and let them be handled."""
    return replay.replay_webhooks(context, chosen, by=by)


def replay_webhook(
    context: InContext, by: By, webhook_id: PathId, wanted: views.ReplayWebhook, response: Response, versions: Versions
) -> views.WebhookBody:
    """Read it again with today's code and let it be handled; its effect takes place once."""
    replayed = replay.replay_webhook(context, webhook_id, by=by, dry_run=wanted.dry_run, versions=versions)
    return tagged(response, replayed)


def discard_webhook(
    context: InContext,
    by: By,
    webhook_id: PathId,
    wanted: views.DiscardWebhook,
    response: Response,
    versions: Versions,
) -> views.WebhookBody:
    """Say that it is not needed; an opt-out in it stays in force."""
    discarded = discard.discard_webhook(context, webhook_id, wanted, by=by, versions=versions)
    return tagged(response, discarded)


ENDPOINTS = (
    Endpoint(
        verb="webhooks list",
        method="GET",
        path="/webhooks",
        role=Role.VIEWER,
        handler=list_webhooks,
        answer=Page[views.Webhook],
    ),
    Endpoint(
        verb="webhooks replay",
        method="POST",
        path="/webhooks/replay",
        role=Role.OPERATOR,
        handler=replay_webhooks,
        answer=views.WebhooksReplayed,
    ),
    Endpoint(
        verb="webhooks show",
        method="GET",
        path="/webhooks/{webhook_id:id}",
        role=Role.VIEWER,
        handler=show_webhook,
        answer=views.WebhookBody,
    ),
    Endpoint(
        verb="webhooks replay",
        method="POST",
        path="/webhooks/{webhook_id:id}/replay",
        role=Role.OPERATOR,
        handler=replay_webhook,
        answer=views.WebhookBody,
    ),
    Endpoint(
        verb="webhooks discard",
        method="POST",
        path="/webhooks/{webhook_id:id}/discard",
        role=Role.OPERATOR,
        handler=discard_webhook,
        answer=views.WebhookBody,
    ),
)
