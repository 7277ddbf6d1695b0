"""Replay webhooks that were set aside: their bytes are read again, with today's code."""

from datetime import datetime

from services.core.domain.failures import Conflict
from services.core.domain.inbox import InboxStatus
from services.core.domain.provider_events import ProviderEvent, UnknownEvent
from services.core.openphone.translate import Quarantined, translate
from services.core.queue.enqueue import Batch, BrokerUnavailable
from services.core.queue.names import TaskName
from services.core.storage import audit, clock, inbox
from services.core.storage.models import InboxEvent
from services.core.usecases.context import Context
from services.core.usecases.one_by_one import one_by_one
from services.core.usecases.versions import Versions
from services.core.usecases.webhooks.accept import UNKNOWN_TYPE, hear
from services.core.usecases.webhooks.stored import body_of, lock_set_aside
from services.core.views import webhooks as views


def replay_webhook(
    context: Context, webhook_id: int, *, by: str, dry_run: bool = False, versions: Versions | None = None
) -> views.WebhookBody:
    """Read the stored bytes again with today's code and let the webhook be handled; an opt-out in it is in force first.

    What it says takes effect once, whatever had it before, and in the order of when it was said. Raises `NotFound`, or
    `Conflict` where its state is another, its body is erased, or it can't be read yet.
    """
    with context.database.transaction() as session:
        event = lock_set_aside(session, webhook_id, versions)
        read = _read_again(event, at=clock.product_now(session))
        if dry_run:
            return body_of(event)
        inbox.reopen(
            event,
            event_id=read.event_id,
            event_type=read.type,
            provider_message_id=getattr(read, "message_id", None),
        )
        hear(context, session, event, read)
        audit.record(session, actor=by, act="webhook.replayed", subject="webhook", subject_id=webhook_id)
        session.flush()
        view = body_of(event)
    _publish(context, event)
    return view


def replay_webhooks(context: Context, chosen: views.SeveralWebhooks, *, by: str) -> views.WebhooksReplayed:
    """Replay the chosen webhooks, each by itself; one that can't be is named with its reason."""
    webhook_ids = chosen.webhook_ids
    if webhook_ids is None:
        with context.database.reading() as session:
            oldest = inbox.page(session, status=InboxStatus.QUARANTINED, after=0, limit=chosen.limit)
            webhook_ids = [event.id for event in oldest]
    replayed, refused = one_by_one(
        webhook_ids, lambda webhook_id: replay_webhook(context, webhook_id, by=by, dry_run=chosen.dry_run)
    )
    return views.WebhooksReplayed(
        dry_run=chosen.dry_run,
        items=[views.Webhook.of(each) for each in replayed],
        refused=[
            views.WebhookRefused(webhook_id=webhook_id, code=refusal.code, detail=refusal.detail)
            for webhook_id, refusal in refused
        ],
        next=None,
    )


def _read_again(event: InboxEvent, *, at: datetime) -> ProviderEvent:
    if event.raw is None:
        raise Conflict("webhook_erased", f"the body of webhook {event.id} was erased: discard it")
    read = translate(event.raw, at=at)
    if isinstance(read, Quarantined | UnknownEvent):
        reason = read.reason if isinstance(read, Quarantined) else UNKNOWN_TYPE
        detail = f"webhook {event.id} can't be read by this version either: {reason}; upgrade, or discard it"
        raise Conflict("webhook_unreadable", detail)
    return read


def _publish(context: Context, event: InboxEvent) -> None:
    try:
        batch = Batch([str(event.id)], (event.traceparent,))
        context.broker.enqueue_up_to(TaskName.PROCESS_WEBHOOK, [batch])
    except BrokerUnavailable:
        return  # the sweep publishes it
