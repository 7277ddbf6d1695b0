"""Our webhook at the provider: register it, and rotate its key."""

from urllib.parse import urlsplit

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.openphone.errors import NotFound as ProviderHasNone
from services.core.storage import audit
from services.core.usecases.context import Context
from services.core.usecases.operations.provider_check import EVENTS, INGRESS_PATH, WEBHOOK_ID
from services.core.views.provider import WebhookKey

SECRETS = "ATTACKACRACK_WEBHOOK_SECRETS_STANDARD"


def register_webhook(context: Context, url: str, *, by: str) -> WebhookKey:
    """Subscribe our public address to all events of messages; the answer alone has the key.

    Raises `RefusedInput`, `Conflict` when the address is subscribed already (it would be delivered twice), or a
    `ProviderError`.
    """
    _check_url(context, url)
    for known in context.provider.list_webhooks():
        if known.url == url:
            raise Conflict(
                "webhook_known",
                f"webhook {known.id} delivers to this address already: take provider rotate for a new key",
            )
    _record_first(context, act="webhook.registered", detail={"url": url}, by=by)
    made = context.provider.register_webhook(url, EVENTS, label="attackacrack")
    steps = [
        f"set {WEBHOOK_ID}={made.id}",
        f"set {SECRETS} to this key, and restart the ingress: until then deliveries are refused and sent again later",
    ]
    return WebhookKey(webhook_id=made.id, url=made.url, key=made.key or "", next=steps)


def rotate_webhook(context: Context, webhook_id: str | None, *, by: str) -> WebhookKey:
    """Have the provider sign with a new key from now on; without an id, that of the settings.

    Raises `RefusedInput`, `NotFound`, or a `ProviderError`.
    """
    webhook_id = webhook_id or context.settings.provider_webhook_id
    if not webhook_id:
        raise RefusedInput("webhook_unknown", f"name the webhook, or set {WEBHOOK_ID}: provider check lists it")
    try:
        webhook = context.provider.get_webhook(webhook_id)
        _record_first(context, act="webhook.rotated", detail={"webhook_id": webhook_id}, by=by)
        key = context.provider.rotate_webhook(webhook_id)
    except ProviderHasNone as error:
        raise NotFound("webhook", webhook_id) from error
    steps = [
        f"set {SECRETS}=NEW,OLD: both keys hold, parted by a comma, and restart the ingress",
        "deliveries that are refused meanwhile are sent again, and the gap audit looks for the rest",
        "remove the old key after 28 hours, when the last repetition signed with it is over",
    ]
    return WebhookKey(webhook_id=webhook_id, url=webhook.url, key=key, next=steps)


def _record_first(context: Context, *, act: str, detail: dict[str, str], by: str) -> None:
    """Record what is about to be asked of the provider: once it was done, a failure of ours would lose the key."""
    with context.database.transaction() as session:
        audit.record(session, actor=by, act=act, subject="webhook", detail=detail)


def _check_url(context: Context, url: str) -> None:
    schemes = ("https", "http") if context.is_simulated else ("https",)
    try:
        parts = urlsplit(url)
        is_ours = parts.scheme in schemes and bool(parts.hostname) and parts.path == INGRESS_PATH
    except ValueError:
        is_ours = False
    if not is_ours or parts.query or parts.fragment:
        detail = f"the address is https://YOUR-HOST{INGRESS_PATH}, as the provider sees it from outside"
        raise RefusedInput("url_refused", detail, pointer="/url")
