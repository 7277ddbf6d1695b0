"""Take webhook deliveries: verify, store byte for byte, and put an opt-out in force, all before they are answered.

The opt-out is in the same transaction as the row, so a 2xx that the provider saw means that STOP is in force.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.core.domain.inbox import InboxStatus
from services.core.domain.opt_out import InboundMeaning, OptOutDecision, decide_opt_out
from services.core.domain.opt_outs import OptOutSource
from services.core.domain.phone_numbers import PhoneNumber, is_e164, parse_phone_number
from services.core.domain.provider_events import MessageEvent, MessageReceived, ProviderEvent, UnknownEvent
from services.core.openphone.signature import Signature, VerifiedDelivery, verify
from services.core.openphone.translate import Quarantined, peek_inbound_text, translate
from services.core.runtime import failpoints, tracing
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage import contacts, inbox, opt_outs, outbox
from services.core.storage.database import Session
from services.core.storage.inbox import Delivery, Stored
from services.core.usecases.context import Context

STALE = "stale_signature"
HEEDED = (InboundMeaning.OPT_OUT, InboundMeaning.DOUBTFUL)
KEPT_HEADERS = ("webhook-id", "webhook-timestamp", "content-type", "user-agent")


class Verdict(StrEnum):
    STORED = "stored"
    DUPLICATE = "duplicate"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a delivery; `inbox_id` is set when a new row waits to be handled."""

    verdict: Verdict
    reason: str
    inbox_id: int | None = None


@dataclass(frozen=True, slots=True)
class InboundText:
    """What a person said, as far as the opt-out decision needs it."""

    e164: str
    decision: OptOutDecision
    said_at: datetime


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
    said = _inbound_text(context, event, raw, at=at)
    return ReadWebhook(_delivery(raw, headers, verified, event, traceparent=traceparent), said)


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
            _heed(session, said, inbox_id)
    return [_acceptance(row) for row in stored]


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
        return InboxStatus.IGNORED, "unknown_event_type"
    return InboxStatus.NEW, None


def _inbound_text(
    context: Context, event: ProviderEvent | Quarantined, raw: bytes, *, at: datetime
) -> InboundText | None:
    """What was said and by whom, also in a body that is otherwise unreadable."""
    match event:
        case MessageReceived():
            sender, text, said_at = event.sender, event.text or "", min(event.sent_at, at)
        case Quarantined():
            peeked = peek_inbound_text(raw)
            if peeked is None:
                return None
            (sender, text), said_at = peeked, at
        case _:
            return None
    e164 = _number(context, sender)
    return InboundText(e164, decide_opt_out(text), said_at) if e164 is not None else None


def _number(context: Context, sender: str) -> str | None:
    if is_e164(sender):
        return sender
    parsed = parse_phone_number(
        sender,
        allowed_countries=frozenset(context.settings.allowed_countries),
        allow_test_numbers=context.is_simulated,
    )
    return parsed.e164 if isinstance(parsed, PhoneNumber) else None


def _heed(session: Session, said: InboundText, inbox_id: int) -> None:
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
                outbox.skip_pending_of(session, contact, reason="opted_out")
        case InboundMeaning.DOUBTFUL:
            contact = contacts.lock_by_number(session, said.e164)
            contacts.pause(session, contact, said.said_at)
            opt_outs.ask_for_review(session, contact, rule=said.decision.rule, said_at=said.said_at, inbox_id=inbox_id)
        case _:
            return
