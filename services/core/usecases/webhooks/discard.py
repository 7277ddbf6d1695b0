"""Discard a quarantined webhook."""

from services.core.domain.failures import Conflict
from services.core.domain.inbox import InboxStatus
from services.core.storage import audit, clock, inbox
from services.core.usecases.context import Context
from services.core.usecases.required import require_text
from services.core.usecases.versions import Versions
from services.core.usecases.webhooks.stored import body_of, lock_set_aside
from services.core.views.webhooks import DiscardWebhook, WebhookBody

DISCARDED = "discarded"


def discard_webhook(
    context: Context, webhook_id: int, discard: DiscardWebhook, *, by: str, versions: Versions | None = None
) -> WebhookBody:
    """Say that a quarantined webhook is not needed; it may be replayed all the same.

    An opt-out in it stays in force. Raises `NotFound`, `Conflict`, or `RefusedInput` without a note.
    """
    require_text("note", discard.note, "say why the webhook is discarded")
    with context.database.transaction() as session:
        event = lock_set_aside(session, webhook_id, versions)
        if event.status != InboxStatus.QUARANTINED:
            raise Conflict("webhook_not_quarantined", f"webhook {webhook_id} is {event.status}: nothing waits for you")
        inbox.finish(event, InboxStatus.IGNORED, at=clock.product_now(session), reason=DISCARDED)
        detail = {"note": discard.note}
        audit.record(
            session, actor=by, act="webhook.discarded", subject="webhook", subject_id=webhook_id, detail=detail
        )
        session.flush()
        return body_of(event)
