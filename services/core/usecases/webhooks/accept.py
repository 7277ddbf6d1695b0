"""Take webhook deliveries: verify, store byte for byte, and put an opt-out in force, all before they are answered.

The opt-out is in the same transaction as the row, so a 2xx that the provider saw means that STOP is in force.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from services.core.domain.inbox import InboxStatus, Verdict
from services.core.domain.opt_outs import InboundMeaning, OptOutSource
from services.core.domain.provider_events import MessageEvent, MessageReceived, ProviderEvent, UnknownEvent
from services.core.domain.send_gate import Reason
from services.core.openphone.signature import Signature, VerifiedDelivery, verify
from services.core.openphone.translate import Quarantined, peek_inbound_text, translate
from services.core.runtime import failpoints, metering, tracing
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage import contacts, inbox, opt_outs
from services.core.storage.database import Session
from services.core.storage.inbox import Delivery, Stored
from services.core.storage.models import InboxEvent
from services.core.storage.outbox import life
from services.core.usecases.context import Context
from services.core.usecases.instruments import VERSIONS
from services.core.usecases.webhooks.inbound_text import InboundText, read_inbound, read_said

log = structlog.get_logger()

STALE = "stale_signature"
UNKNOWN_TYPE = "unknown_event_type"
UNKNOWN_VERSION = "unknown_api_version"
LONGEST_VERSION = 40
HEEDED = (InboundMeaning.OPT_OUT, InboundMeaning.DOUBTFUL)
KEPT_HEADERS = ("webhook-id", "webhook-timestamp", "content-type", "user-agent")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a delivery; `inbox_id` is set when a new row waits to be handled."""

    verdict: Verdict
    reason: str
    inbox_id: int | None = None


@dataclass(frozen=True, slots=True)
class ReadWebhook:
    """A delivery that the provider signed, ready to be stored."""

    delivery: Delivery
    said: InboundText | None

    @property
    def is_stale(self) -> bool:
        """Whether it was signed too long ago, or ahead of us."""
        return self.delivery.reason == STALE

    @property
    def locks_a_contact(self) -> bool:
        """Whether storing it may have to wait for other work on the same person."""
        return self.said is not None and self.said.decision.meaning in HEEDED


def read_webhook(
    context: Context, raw: bytes, headers: Mapping[str, str], *, at: datetime, traceparent: str | None
) -> ReadWebhook | Acceptance:
    """Verify and understand one delivery at product time `at`; an `Acceptance` is its end: the signature is wrong.

    `headers` have lower-case names. Nothing is looked up or stored, and nothing that was sent makes this raise.
    """
    settings = context.settings
    verified = verify(
        raw,
        headers,
        standard_secrets=tuple(secret.get_secret_value() for secret in settings.webhook_secrets_standard),
        legacy_secrets=tuple(secret.get_secret_value() for secret in settings.webhook_secrets_legacy),
        at=at,
        tolerance=settings.signature_tolerance,
    )
    if verified.verdict is Signature.INVALID:
        return Acceptance(Verdict.UNSIGNED, verified.reason)
    failpoints.reach("webhook_verified")
    return understand(context, raw, headers, verified, at=at, traceparent=traceparent)


def understand(
    context: Context,
    raw: bytes,
    headers: Mapping[str, str],
    verified: VerifiedDelivery,
    *,
    at: datetime,
    traceparent: str | None,
) -> ReadWebhook:
    """What a body says that somebody vouches for: the provider's signature, or the provider's own list."""
    event = translate(raw, at=at)
    said = _inbound_text(context, event, raw, signed_at=verified.signed_at, at=at)
    if not isinstance(event, Quarantined):
        metering.count(VERSIONS, "known" if event.is_version_known else "unknown")
        if not event.is_version_known:
            log.warning("webhook.version_unknown", version=event.api_version[:LONGEST_VERSION], event_type=event.type)
    delivery = _delivery(raw, headers, verified, event, traceparent=traceparent)
    if said is not None and delivery.status is InboxStatus.IGNORED:  # a type we don't know, and somebody's words in it
        delivery = replace(delivery, status=InboxStatus.QUARANTINED)
    return ReadWebhook(delivery, said)


def store_webhooks(context: Context, webhooks: Sequence[ReadWebhook]) -> list[Acceptance]:
    """Store the deliveries with the opt-outs in them, all or none; what became of each.

    Raises `DatabaseUnavailable` when they could not be committed: the provider must be told to try again.
    """
    with context.database.transaction() as session:
        acceptances = store_in(session, webhooks)
        failpoints.reach("webhook_committing")
    failpoints.reach("webhook_committed")
    return acceptances


def store_in(session: Session, webhooks: Sequence[ReadWebhook]) -> list[Acceptance]:
    """Store the deliveries in the caller's transaction, with the opt-outs in them."""
    stored = inbox.store(session, [webhook.delivery for webhook in webhooks])
    failpoints.reach("inbox_stored")
    heard = [
        (webhook.said, row.inbox_id, webhook.delivery.traceparent)
        for webhook, row in zip(webhooks, stored, strict=True)
        if row is not None and webhook.said is not None and webhook.locks_a_contact
    ]
    for said, inbox_id, traceparent in sorted(heard, key=lambda each: each[0].e164):
        attributes = {Attribute.MEANING: said.decision.meaning.value, Attribute.RULE: said.decision.rule}
        with tracing.span(SpanName.OPT_OUT_HEED, attributes, parent=traceparent):
            heed(session, said, inbox_id)
    for row in stored:
        if row is not None and row.status is InboxStatus.QUARANTINED:
            log.error("webhook.quarantined", inbox_id=row.inbox_id, reason=row.reason)
    return [_acceptance(row) for row in stored]


def hear(context: Context, session: Session, event: InboxEvent, read: ProviderEvent) -> None:
    """Put the opt-out in a stored event in force: it was said when it was said, however late we can read it."""
    said = _inbound_text(context, read, event.raw or b"", signed_at=event.signed_at, at=event.received_at)
    if said is not None and said.decision.meaning in HEEDED:
        heed(session, said, event.id)


def _acceptance(row: Stored | None) -> Acceptance:
    if row is None:
        return Acceptance(Verdict.DUPLICATE, "stored_before")
    waits = row.status is InboxStatus.NEW
    return Acceptance(Verdict.STORED, row.reason or "new", row.inbox_id if waits else None)


def _delivery(
    raw: bytes,
    headers: Mapping[str, str],
    verified: VerifiedDelivery,
    event: ProviderEvent | Quarantined,
    *,
    traceparent: str | None,
) -> Delivery:
    body_hash = hashlib.sha256(raw).digest()
    event_id = None if isinstance(event, Quarantined) else event.event_id
    event_type = None if isinstance(event, Quarantined) else event.type
    stood_in_for = f"{event_id}:{event_type}" if event_id else body_hash.hex()
    status, reason = _status(verified, event)
    return Delivery(
        scheme=verified.scheme or "",
        dedupe_key=f"{verified.scheme}:{verified.delivery_id or stood_in_for}",
        body_hash=body_hash,
        delivery_id=verified.delivery_id,
        event_id=event_id,
        event_type=event_type,
        key_id=verified.key_id,
        signed_at=verified.signed_at,
        raw=raw,
        headers={name: headers[name][:300] for name in KEPT_HEADERS if name in headers},
        status=status,
        reason=reason,
        provider_message_id=event.message_id if isinstance(event, MessageEvent) else None,
        traceparent=traceparent,
    )


def _status(verified: VerifiedDelivery, event: ProviderEvent | Quarantined) -> tuple[InboxStatus, str | None]:
    if verified.verdict is Signature.STALE:
        return InboxStatus.QUARANTINED, STALE
    if isinstance(event, Quarantined):
        return InboxStatus.QUARANTINED, event.reason
    if isinstance(event, UnknownEvent):
        return InboxStatus.IGNORED, UNKNOWN_TYPE
    return InboxStatus.NEW, None if event.is_version_known else UNKNOWN_VERSION


def _inbound_text(
    context: Context, event: ProviderEvent | Quarantined, raw: bytes, *, signed_at: datetime | None, at: datetime
) -> InboundText | None:
    """What was said and by whom, also in a body that is otherwise unreadable, or of a type that we don't know."""
    match event:
        case MessageReceived():
            return read_inbound(context, event, signed_at=signed_at, received_at=at)
        case Quarantined() | UnknownEvent():
            peeked = peek_inbound_text(raw)
            return read_said(context, *peeked, at, signed_at=signed_at, received_at=at) if peeked else None
        case _:
            return None


def heed(session: Session, said: InboundText, inbox_id: int) -> None:
    """Put an opt-out in force, or pause the contact over a doubtful text; both hold the contact's row."""
    match said.decision.meaning:
        case InboundMeaning.OPT_OUT:
            contact = contacts.lock_by_number(session, said.e164)
            in_force = opt_outs.record(
                session,
                contact,
                source=OptOutSource.WEBHOOK,
                rule=said.decision.rule,
                said_at=said.said_at,
                inbox_id=inbox_id,
            )
            if in_force:
                life.skip_waiting_for(session, [contact.id], reason=Reason.OPTED_OUT)
        case InboundMeaning.DOUBTFUL:
            contact = contacts.lock_by_number(session, said.e164)
            contacts.pause(session, contact, said.said_at)
            opt_outs.ask_for_review(session, contact, rule=said.decision.rule, said_at=said.said_at, inbox_id=inbox_id)
        case _:
            return
