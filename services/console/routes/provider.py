"""The provider's account, our webhook there, and what must be known before the first production send."""

from typing import Annotated

from fastapi import Path

from services.console.dependencies import AtProvider, By, InContext, requires
from services.console.endpoints import api_router, refusal, verb
from services.core.domain.access import Role
from services.core.usecases.operations import checklist, provider_check, provider_webhook
from services.core.views import provider as views

router = api_router()

ItemKey = Annotated[str, Path(pattern=r"^[a-z_]{1,64}$")]


@router.get("/provider/check", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("provider check"))
def check_provider(provided: AtProvider) -> views.ProviderCheck:
    """Key, subscription, number, registration, webhook and its deliveries, each with a remedy."""
    return provider_check.check_provider(provided)


@router.post(
    "/provider/register-webhook",
    status_code=201,
    dependencies=[requires(Role.ADMIN)],
    openapi_extra=verb("provider register-webhook", keeps_answer=False),
)
def register_webhook(provided: AtProvider, by: By, wanted: views.RegisterWebhook) -> views.WebhookKey:
    """Have the provider deliver events of messages to this address; the key is told this once."""
    return provider_webhook.register_webhook(provided, wanted.url, by=by)


@router.post(
    "/provider/rotate",
    responses={404: refusal(404)},
    dependencies=[requires(Role.ADMIN)],
    openapi_extra=verb("provider rotate", keeps_answer=False),
)
def rotate_webhook(provided: AtProvider, by: By, rotate: views.RotateWebhook) -> views.WebhookKey:
    """Have the provider sign with a new key from now on; it is told this once."""
    return provider_webhook.rotate_webhook(provided, rotate.webhook_id, by=by)


@router.get("/provider/checklist", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("provider checklist"))
def show_checklist(context: InContext) -> views.Checklist:
    """What only the live account answers, each item with its latest answer."""
    return checklist.read_checklist(context)


@router.post(
    "/provider/checklist/{item}", dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("provider checklist")
)
def answer_checklist(context: InContext, by: By, item: ItemKey, answer: views.AnswerItem) -> views.ChecklistItem:
    """Keep what was found out about an item; a later answer counts."""
    return checklist.answer_checklist(context, item, answer.state, note=answer.note, by=by)
