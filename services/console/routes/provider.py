"""The provider's account, our webhook there, and what must be known before the first production send."""

from typing import Annotated

from fastapi import Path

from services.console.endpoints import AtProvider, By, Endpoint, InContext
from services.core.domain.access import Role
from services.core.usecases.operations import checklist, provider_check, provider_webhook
from services.core.views import provider as views

ItemKey = Annotated[str, Path(pattern=r"^[a-z_]{1,64}$")]


def check_provider(provided: AtProvider) -> views.ProviderCheck:
    """Key, subscription, number, registration, webhook and its deliveries, each with a remedy."""
    return provider_check.check_provider(provided)


def register_webhook(provided: AtProvider, by: By, wanted: views.RegisterWebhook) -> views.WebhookKey:
    """Have the provider deliver events of messages to this address; the key is told this once."""
    return provider_webhook.register_webhook(provided, wanted.url, by=by)


def rotate_webhook(provided: AtProvider, by: By, rotate: views.RotateWebhook) -> views.WebhookKey:
    """Have the provider sign with a new key from now on; it is told this once."""
    return provider_webhook.rotate_webhook(provided, rotate.webhook_id, by=by)


def show_checklist(context: InContext) -> views.Checklist:
    """What only the live account answers, each item with its latest answer."""
    return checklist.read_checklist(context)


def answer_checklist(context: InContext, by: By, item: ItemKey, answer: views.AnswerItem) -> views.ChecklistItem:
    """Keep what was found out about an item; a later answer counts."""
    return checklist.answer_checklist(context, item, answer.state, note=answer.note, by=by)


ENDPOINTS = (
    Endpoint(
        verb="provider check",
        method="GET",
        path="/provider/check",
        role=Role.OPERATOR,
        handler=check_provider,
        answer=views.ProviderCheck,
    ),
    Endpoint(
        verb="provider register-webhook",
        method="POST",
        path="/provider/register-webhook",
        role=Role.ADMIN,
        handler=register_webhook,
        answer=views.WebhookKey,
        status=201,
        keeps_answer=False,
    ),
    Endpoint(
        verb="provider rotate",
        method="POST",
        path="/provider/rotate",
        role=Role.ADMIN,
        handler=rotate_webhook,
        answer=views.WebhookKey,
        names_a_thing=True,
        keeps_answer=False,
    ),
    Endpoint(
        verb="provider checklist",
        method="GET",
        path="/provider/checklist",
        role=Role.VIEWER,
        handler=show_checklist,
        answer=views.Checklist,
    ),
    Endpoint(
        verb="provider checklist",
        method="POST",
        path="/provider/checklist/{item}",
        role=Role.OPERATOR,
        handler=answer_checklist,
        answer=views.ChecklistItem,
    ),
)
