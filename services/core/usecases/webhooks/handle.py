"""Handle a stored webhook: one effect each, in any order, however often it arrives.

The effect's key and the event's end are in one transaction with the effect itself.
"""

import random
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

import structlog

from services.core.domain.failures import RetryableError
from services.core.domain.inbox import MAX_DEATHS, MAX_ERRORS, RETRY_BASE, EventReason, InboxStatus
from services.core.domain.messages import Direction, MessageKind, MessageStatus
from services.core.domain.opt_outs import InboundMeaning
from services.core.domain.provider_events import (
    MessageDelivered,
    MessageFailed,
    MessageReceived,
    MessageUndelivered,
    ProviderEvent,
    ReceiptEvent,
)
from services.core.domain.reconciliation import CREATED_WITHIN, LISTED_BEFORE, comparable
from services.core.domain.retry import RetryAt, decide_retry
from services.core.domain.segments import count_segments, normalise_text
from services.core.openphone.translate import Quarantined, translate
from services.core.queue.names import GaveUp, TaskName
from services.core.runtime import failpoints, tracing
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage import attempts, clock, contacts, inbox, messages, opt_outs, outbox, work
from services.core.storage.database import Session
from services.core.storage.models import Contact, InboxEvent, Message
from services.core.storage.outbox.life import apply_receipt
from services.core.usecases.context import Context
from services.core.usecases.messages.queue_text import queue_text
from services.core.usecases.messages.record_outcome import bind
from services.core.usecases.webhooks.inbound_text import InboundText, read_inbound

log = structlog.get_logger()

ATTRIBUTED_WITHIN = timedelta(days=30)
HELP_ANSWERED_EVERY = timedelta(days=1)


class MessageUnknown(Exception):
    """The event is about a message that we have not bound yet: it waits."""


def handle_events(context: Context, inbox_ids: Sequence[int]) -> None:
    """Handle each of the events that is new and free; one that fails is put off alone."""
    for inbox_id in inbox_ids:
        _handle(context, inbox_id)


def _handle(context: Context, inbox_id: int) -> None:
    with context.database.transaction() as session:
        claimed = inbox.claim(session, inbox_id, lease=context.settings.timings.inbox_lease)
    failpoints.reach("event_claimed")
    if claimed is None:
        return
    attributes = {Attribute.INBOX_ID: inbox_id, Attribute.EVENT_TYPE: claimed.event_type}
    with tracing.joined(SpanName.WEBHOOK_HANDLE, attributes, trace_of=claimed.traceparent):
        _handle_claimed(context, claimed)


def _handle_claimed(context: Context, claimed: InboxEvent) -> None:
    if claimed.deaths > MAX_DEATHS:
        _bury(context, claimed, reason=GaveUp.PROCESS_DEATHS, error="its worker died each time")
        return
    try:
        with context.database.transaction() as session:
            event = inbox.lock_claimed(session, claimed)
            if event is not None:
                _take_effect(context, session, event)
                tracing.current().note({Attribute.STATUS: event.status, Attribute.REASON: event.reason})
                failpoints.reach("event_handling")
        failpoints.reach("event_handled")
    except RetryableError as error:
        _put_off(context, claimed, error)
        raise
    except Exception as error:
        log.exception("webhook.handling_failed", inbox_id=claimed.id)
        tracing.current().fail(type(error).__name__)
        _put_off(context, claimed, error)


def _take_effect(context: Context, session: Session, event: InboxEvent) -> None:
    at = clock.product_now(session)
    translated = translate(event.raw or b"", at=at)
    if isinstance(translated, Quarantined):
        inbox.finish(event, InboxStatus.QUARANTINED, at=at, reason=translated.reason)
        return
    if not inbox.first_effect(session, translated.effect_key, inbox_id=event.id):
        inbox.finish(event, InboxStatus.HANDLED, at=at, reason=EventReason.HAD_BEFORE)
        return
    try:
        reason = _apply(context, session, event, translated)
    except MessageUnknown:
        inbox.release_effect(session, translated.effect_key)
        inbox.finish(event, InboxStatus.PARKED, at=at, reason=EventReason.NOT_BOUND_YET)
    else:
        inbox.finish(event, InboxStatus.HANDLED if reason is None else InboxStatus.IGNORED, at=at, reason=reason)


def _apply(context: Context, session: Session, event: InboxEvent, translated: ProviderEvent) -> str | None:
    """Do what the event says; answers why nothing was to be done."""
    match translated:
        case MessageReceived():
            return _receive(context, session, event, translated)
        case MessageDelivered() | MessageUndelivered() | MessageFailed():
            return _receipt(session, translated)
        case _:
            return "not_needed"


def _receive(context: Context, session: Session, event: InboxEvent, received: MessageReceived) -> str | None:
    """Keep what a person wrote, in its conversation and under the campaign it answers."""
    with tracing.span(SpanName.REPLY_KEEP) as active:
        at = clock.product_now(session)
        text = normalise_text(received.text or "")
        said = read_inbound(context, received, signed_at=event.signed_at, received_at=event.received_at)
        contact = contacts.lock_by_number(session, said.e164) if said else None
        answered = (
            messages.last_campaign_text(session, contact_id=contact.id, before=at, within=ATTRIBUTED_WITHIN)
            if contact
            else None
        )
        session.add(
            Message(
                direction=Direction.INCOMING,
                kind=MessageKind.TRANSACTIONAL,
                campaign_id=answered.campaign_id if answered else None,
                variant=answered.variant if answered else None,
                contact_id=contact.id if contact else None,
                e164=said.e164 if said else received.sender[:255],
                sender=received.recipients[0] if received.recipients else context.settings.provider_phone_number,
                sender_phone_number_id=received.phone_number_id or context.settings.provider_phone_number_id,
                conversation_id=received.conversation_id,
                body=text,
                body_hash=sha256(text.encode("utf-8", "replace")).digest(),
                segments=count_segments(text).segments,
                status=MessageStatus.RECEIVED,
                provider_message_id=received.message_id,
                said_at=received.sent_at,
                inbox_id=event.id,
                traceparent=event.traceparent,
            )
        )
        active.note({Attribute.CAMPAIGN_ID: answered.campaign_id if answered else None})
        if said is not None and contact is not None:
            _heed(context, session, event, said, contact)
        return None


def _heed(context: Context, session: Session, event: InboxEvent, said: InboundText, contact: Contact) -> None:
    """Lift an opt-out on START, and answer HELP; a STOP was heeded before the delivery was answered."""
    match said.decision.meaning:
        case InboundMeaning.OPT_IN:
            with tracing.span(SpanName.OPT_IN_HEED):
                opt_outs.lift(session, contact, said_at=said.said_at, by="the contact", evidence=f"inbox {event.id}")
        case InboundMeaning.HELP if contact.opted_out_at is None and context.settings.help_text:
            _answer_help(context, session, contact)
        case _:
            return


def _answer_help(context: Context, session: Session, contact: Contact) -> None:
    """Say who we are, once a day at most: two machines that answer each other must not go on for ever."""
    text = normalise_text(context.settings.help_text)
    body_hash = sha256(text.encode()).digest()
    if messages.has_same_text(session, contact_id=contact.id, body_hash=body_hash, within=HELP_ANSWERED_EVERY):
        return
    at = clock.product_now(session)
    queue_text(context, session, contact, text, not_before=at)


def _receipt(session: Session, receipt: ReceiptEvent) -> str | None:
    """Move the message by its delivery receipt; a receipt is also evidence for a text of unknown outcome."""
    at = clock.product_now(session)
    message = outbox.lock_by_provider_id(session, receipt.message_id) or _bind_by_evidence(session, receipt)
    if message is None:
        raise MessageUnknown(receipt.message_id)
    attributes = {Attribute.MESSAGE_ID: message.id, Attribute.OUTCOME: receipt.receipt.value}
    with tracing.joined(SpanName.MESSAGE_RECEIPT, attributes, trace_of=message.traceparent) as active:
        changed = apply_receipt(
            message,
            receipt.receipt,
            occurred_at=receipt.occurred_at,
            error_code=getattr(receipt, "error_code", None),
            at=at,
        )
        active.note({Attribute.STATUS: message.status})
    return None if changed else "state_is_further"


def _bind_by_evidence(session: Session, receipt: ReceiptEvent) -> Message | None:
    """The one uncertain text of this sender, number, wording and time, bound to the receipt's id."""
    if len(receipt.recipients) != 1 or receipt.text is None:
        return None
    uncertain = attempts.uncertain_like(session, sender=receipt.sender, e164=receipt.recipients[0])
    alike = [
        (message, attempt)
        for message in uncertain
        if (attempt := attempts.latest(session, message.id))
        and comparable(message.body or "") == comparable(receipt.text)
        and -LISTED_BEFORE <= receipt.sent_at - attempt.started_at <= CREATED_WITHIN
    ]
    if len(alike) != 1:
        return None
    message, attempt = alike[0]
    at = clock.product_now(session)
    bind(session, message, attempt, receipt.message_id, receipt.conversation_id, at=at)
    return message


def _put_off(context: Context, claimed: InboxEvent, error: Exception) -> None:
    """Let the event wait for its next attempt, or put it aside when it failed too often."""
    if claimed.attempts >= MAX_ERRORS:
        _bury(context, claimed, reason=GaveUp.ATTEMPTS_EXHAUSTED, error=f"{type(error).__name__}: {error}")
        return
    with context.database.transaction() as session:
        event = inbox.lock_claimed(session, claimed)
        if event is None:
            return
        retry = decide_retry(
            attempt=event.attempts,
            at=clock.real_now(session),
            base=RETRY_BASE,
            max_attempts=MAX_ERRORS + 1,
            jitter=random.random(),  # noqa: S311
        )
        if isinstance(retry, RetryAt):
            inbox.retry_later(event, at=retry.at, reason=type(error).__name__)


def _bury(context: Context, claimed: InboxEvent, *, reason: str, error: str) -> None:
    with context.database.transaction() as session:
        event = inbox.lock_claimed(session, claimed)
        if event is None:
            return
        inbox.finish(event, InboxStatus.DEAD, at=clock.product_now(session), reason=reason)
        work.add_dead_letter(
            session,
            name=TaskName.PROCESS_WEBHOOK,
            args=[str(event.id)],
            reason=reason,
            error=error,
            attempts=event.attempts,
            traceparent=event.traceparent,
            inbox_id=event.id,
        )
        failpoints.reach("event_burying")
