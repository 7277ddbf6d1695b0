"""Received webhooks: what came in, byte for byte, and those that were set aside put back or discarded."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field

from services.console.cursors import page_of
from services.console.dependencies import By, InContext, requires
from services.console.endpoints import PathId, api_router, verb
from services.console.shapes import Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.domain.inbox import InboxStatus
from services.core.usecases.webhooks import discard, find, replay
from services.core.views import webhooks as views

router = api_router()


class WebhooksQuery(PageQuery):
    status: Annotated[InboxStatus | None, Field(strict=False)] = Field(default=None, description="null: all of them")


@router.get("/webhooks", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("webhooks list"))
def list_webhooks(
    context: InContext, request: Request, query: Annotated[WebhooksQuery, Query()]
) -> Page[views.Webhook]:
    """Webhooks by id, those of one state or all."""
    return page_of(
        request,
        query,
        lambda after, limit: find.list_webhooks(context, status=query.status, after=after, limit=limit),
    )


@router.get("/webhooks/{webhook_id:id}", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("webhooks show"))
def show_webhook(context: InContext, webhook_id: PathId, response: Response) -> views.WebhookBody:
    """A webhook with the very bytes that came."""
    return tagged(response, find.show_webhook(context, webhook_id))


@router.post("/webhooks/replay", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("webhooks replay"))
def replay_webhooks(context: InContext, by: By, chosen: views.ReplayWebhooks) -> views.WebhooksReplayed:
    """Read several, or the oldest quarantined ones, again and let them be handled."""
    return replay.replay_webhooks(context, chosen, by=by)


@router.post(
    "/webhooks/{webhook_id:id}/replay", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("webhooks replay")
)
def replay_webhook(
    context: InContext, by: By, webhook_id: PathId, wanted: views.ReplayWebhook, response: Response, versions: Versions
) -> views.WebhookBody:
    """Read it again with today's code and let it be handled; its effect takes place once."""
    replayed = replay.replay_webhook(context, webhook_id, by=by, dry_run=wanted.dry_run, versions=versions)
    return tagged(response, replayed)


@router.post(
    "/webhooks/{webhook_id:id}/discard", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("webhooks discard")
)
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
