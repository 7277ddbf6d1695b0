"""Received webhooks: seen byte for byte, and those that were set aside replayed with today's code, or discarded."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.domain.inbox import InboxStatus
from services.core.domain.provider_events import ProviderEvent, UnknownEvent
from services.core.openphone.translate import Quarantined, api_version_of, translate
from services.core.queue.enqueue import Batch, BrokerUnavailable
from services.core.queue.names import TaskName
from services.core.runtime import tracing
from services.core.storage import audit, clock, inbox
from services.core.storage.database import Session
from services.core.storage.models import InboxEvent
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions, check_version, version_of
from services.core.usecases.webhooks.accept import UNKNOWN_TYPE, hear
from services.core.views.values import Page

DISCARDED = "discarded"
SET_ASIDE = (InboxStatus.QUARANTINED, InboxStatus.IGNORED)


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A delivery as it was stored, and what became of it: `reason` says why it was set aside or had no effect."""

    webhook_id: int
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


@dataclass(frozen=True, slots=True)
class WebhookBody(WebhookView):
    """A delivery with its body: `raw` are its very bytes in base64, `text` what they say; both empty once erased.

    `api_version` is the one that the body names.
    """

    api_version: str | None
    text: str | None
    raw: str | None

    def without_body(self) -> WebhookView:
        return WebhookView(**{field.name: getattr(self, field.name) for field in fields(WebhookView)})


@dataclass(frozen=True, slots=True)
class WebhookRefused:
    """A webhook that was not replayed, and why."""

    webhook_id: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class WebhooksReplayed:
    """The webhooks that go to be handled, or with `dry_run` would, and those that can't."""

    dry_run: bool
    items: Sequence[WebhookView]
    refused: Sequence[WebhookRefused]
    next: None = None


def list_webhooks(context: Context, *, status: InboxStatus | None, after: int, limit: int) -> Page[WebhookView]:
    """Webhooks by id, those of one state or all."""
    with context.database.reading() as session:
        rows = inbox.page(session, status=status, after=after, limit=limit + 1)
        views = [_view(event) for event in rows[:limit]]
        return Page(items=list(views), next=views[-1].webhook_id if len(rows) > limit else None)


def show_webhook(context: Context, webhook_id: int) -> WebhookBody:
    """A webhook with its body. Raises `NotFound`."""
    with context.database.reading() as session:
        return _body(_found(inbox.find(session, webhook_id), webhook_id))


def replay_webhook(
    context: Context, webhook_id: int, *, by: str, dry_run: bool = False, versions: Versions | None = None
) -> WebhookBody:
    """Read the stored bytes again with today's code and let the webhook be handled; an opt-out in it is in force first.

    What it says takes effect once, whatever had it before, and in the order of when it was said. Raises `NotFound`, or
    `Conflict` where its state is another, its body is erased, or it can't be read yet.
    """
    with context.database.transaction() as session:
        event = _locked(session, webhook_id, versions)
        read = _read_again(event, at=clock.product_now(session))
        if dry_run:
            return _body(event)
        inbox.reopen(
            event,
            event_id=read.event_id,
            event_type=read.type,
            provider_message_id=getattr(read, "message_id", None),
        )
        hear(context, session, event, read)
        audit.record(session, actor=by, act="webhook.replayed", subject="webhook", subject_id=webhook_id)
        session.flush()
        view = _body(event)
    _publish(context, event)
    return view


def replay_webhooks(
    context: Context, webhook_ids: Sequence[int] | None, *, by: str, dry_run: bool, limit: int
) -> WebhooksReplayed:
    """Replay these webhooks, or with `None` the oldest quarantined ones up to `limit`, each by itself.

    One that can't be is named with its reason.
    """
    if webhook_ids is None:
        waiting = list_webhooks(context, status=InboxStatus.QUARANTINED, after=0, limit=limit)
        webhook_ids = [each.webhook_id for each in waiting.items]
    replayed: list[WebhookView] = []
    refused: list[WebhookRefused] = []
    for webhook_id in webhook_ids:
        try:
            replayed.append(replay_webhook(context, webhook_id, by=by, dry_run=dry_run).without_body())
        except RefusedInput as refusal:
            refused.append(WebhookRefused(webhook_id, refusal.code, refusal.detail))
    return WebhooksReplayed(dry_run, replayed, refused)


def discard_webhook(
    context: Context, webhook_id: int, *, note: str, by: str, versions: Versions | None = None
) -> WebhookBody:
    """Say that a quarantined webhook is not needed; it may be replayed all the same.

    An opt-out in it stays in force. Raises `NotFound`, `Conflict`, or `RefusedInput` without a note.
    """
    if not note.strip():
        raise RefusedInput("note_missing", "say why the webhook is discarded", pointer="/note")
    with context.database.transaction() as session:
        event = _locked(session, webhook_id, versions)
        if event.status != InboxStatus.QUARANTINED:
            raise Conflict("webhook_not_quarantined", f"webhook {webhook_id} is {event.status}: nothing waits for you")
        inbox.finish(event, InboxStatus.IGNORED, at=clock.product_now(session), reason=DISCARDED)
        detail = {"note": note}
        audit.record(
            session, actor=by, act="webhook.discarded", subject="webhook", subject_id=webhook_id, detail=detail
        )
        session.flush()
        return _body(event)


def _locked(session: Session, webhook_id: int, versions: Versions | None) -> InboxEvent:
    """The webhook, if it was set aside."""
    event = _found(inbox.lock(session, webhook_id), webhook_id)
    check_version(lambda: version_of(_body(event)), versions, noun="webhook")
    if event.status in SET_ASIDE:
        return event
    ways = {
        InboxStatus.DEAD: "it gave up: replay its dead letter, attackacrack dead-letters list",
        InboxStatus.HANDLED: "it had its effect",
    }
    detail = ways.get(InboxStatus(event.status), "it is handled without you")
    raise Conflict("webhook_not_set_aside", f"webhook {webhook_id} is {event.status}: {detail}")


def _read_again(event: InboxEvent, *, at: datetime) -> ProviderEvent:
    if event.raw is None:
        raise Conflict("webhook_erased", f"the body of webhook {event.id} was erased: discard it")
    read = translate(event.raw, at=at)
    if isinstance(read, Quarantined | UnknownEvent):
        reason = read.reason if isinstance(read, Quarantined) else UNKNOWN_TYPE
        detail = f"webhook {event.id} can't be read by this version either: {reason}; upgrade, or discard it"
        raise Conflict("webhook_unreadable", detail)
    return read


def _found(event: InboxEvent | None, webhook_id: int) -> InboxEvent:
    if event is None:
        raise NotFound("webhook", webhook_id)
    return event


def _view(event: InboxEvent) -> WebhookView:
    return WebhookView(**_facts(event))


def _body(event: InboxEvent) -> WebhookBody:
    raw = event.raw
    return WebhookBody(
        **_facts(event),
        api_version=api_version_of(raw) if raw is not None else None,
        text=raw.decode("utf-8", "replace") if raw is not None else None,
        raw=b64encode(raw).decode() if raw is not None else None,
    )


def _facts(event: InboxEvent) -> dict[str, Any]:
    return {
        "webhook_id": event.id,
        "status": InboxStatus(event.status),
        "reason": event.reason,
        "event_type": event.event_type,
        "event_id": event.event_id,
        "scheme": event.scheme,
        "delivery_id": event.delivery_id,
        "signed_at": event.signed_at,
        "received_at": event.received_at,
        "handled_at": event.handled_at,
        "attempts": event.attempts,
        "trace_id": tracing.trace_id_of(event.traceparent),
    }


def _publish(context: Context, event: InboxEvent) -> None:
    try:
        batch = Batch([str(event.id)], (event.traceparent,))
        context.broker.enqueue_up_to(TaskName.PROCESS_WEBHOOK, [batch])
    except BrokerUnavailable:
        return  # the sweep publishes it
