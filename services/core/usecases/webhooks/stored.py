"""A stored webhook: its views, and its row locked for somebody's act."""

from base64 import b64encode

from services.core.domain.failures import Conflict, NotFound
from services.core.domain.inbox import InboxStatus
from services.core.openphone.translate import api_version_of
from services.core.runtime import tracing
from services.core.storage import inbox
from services.core.storage.database import Session
from services.core.storage.models import InboxEvent
from services.core.usecases.versions import Versions, check_version, version_of
from services.core.views import webhooks as views

SET_ASIDE = (InboxStatus.QUARANTINED, InboxStatus.IGNORED)
WAYS = {
    InboxStatus.DEAD: "it gave up: replay its dead letter, attackacrack dead-letters list",
    InboxStatus.HANDLED: "it had its effect",
}


def view_of(event: InboxEvent) -> views.Webhook:
    return views.Webhook.of(event, trace_id=tracing.trace_id_of(event.traceparent))


def body_of(event: InboxEvent) -> views.WebhookBody:
    """The webhook with its bytes in base64 and what they say; `api_version` is the one that they name."""
    raw = event.raw
    return views.WebhookBody.of(
        event,
        trace_id=tracing.trace_id_of(event.traceparent),
        api_version=api_version_of(raw) if raw is not None else None,
        text=raw.decode("utf-8", "replace") if raw is not None else None,
        raw=b64encode(raw).decode() if raw is not None else None,
    )


def found(event: InboxEvent | None, webhook_id: int) -> InboxEvent:
    """Raises `NotFound`."""
    if event is None:
        raise NotFound("webhook", webhook_id)
    return event


def lock_set_aside(session: Session, webhook_id: int, versions: Versions | None) -> InboxEvent:
    """The webhook, locked, if it was set aside. Raises `NotFound`, `Conflict`, or `RefusedInput` (412)."""
    event = found(inbox.lock(session, webhook_id), webhook_id)
    check_version(lambda: version_of(body_of(event)), versions, noun="webhook")
    if event.status in SET_ASIDE:
        return event
    way = WAYS.get(InboxStatus(event.status), "it is handled without you")
    raise Conflict("webhook_not_set_aside", f"webhook {webhook_id} is {event.status}: {way}")
