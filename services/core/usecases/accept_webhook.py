"""Take a webhook delivery: verify it, store it byte for byte, and put an opt-out in force, all before it is answered.

The opt-out is in the same transaction as the row, so a 2xx that the provider saw means that STOP is in force.
"""

import hashlib
from collections.abc import Mapping
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
from services.core.runtime import failpoints
from services.core.storage import contacts, inbox, opt_outs, outbox
from services.core.storage.database import Session
from services.core.storage.inbox import Delivery
from services.core.usecases.context import Context
from services.core.usecases.product_clock import ProductClock

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


def accept_webhook(
    context: Context,
    product_clock: ProductClock,
    raw: bytes,
    headers: Mapping[str, str],
    *,
    traceparent: str | None,
) -> Acceptance:
    """Store one delivery and apply an opt-out in it; `headers` have lower-case names.

    Raises `DatabaseUnavailable` when it could not be committed: the provider must be told to try again.
    """
    verified, at = _verify(context, product_clock, raw, headers)
    if verified.verdict is Signature.INVALID:
        return Acceptance(Verdict.UNSIGNED, verified.reason)
    event = translate(raw, at=at)
    said = _inbound_text(context, event, raw, at=at)
    delivery = _delivery(raw, headers, verified, event, traceparent=traceparent)
    with context.database.transaction() as session:
        if inbox.has_other_body(session, delivery):
            delivery = _quarantined(delivery, "other_body_under_one_delivery_id")
        inbox_id = inbox.store(session, delivery)
        if inbox_id is None:
            return Acceptance(Verdict.DUPLICATE, "stored_before")
        failpoints.reach("inbox_stored")
        if said is not None:
            _heed(session, said, inbox_id)
        failpoints.reach("webhook_committing")
    failpoints.reach("webhook_committed")
    waits = inbox_id if delivery.status is InboxStatus.NEW else None
    return Acceptance(Verdict.STORED, delivery.reason or "new", waits)


def _verify(
    context: Context, product_clock: ProductClock, raw: bytes, headers: Mapping[str, str]
) -> tuple[VerifiedDelivery, datetime]:
    settings = context.settings
    for fresh in (False, True):
        at = product_clock.now(fresh=fresh)
        verified = verify(
            raw,
            headers,
            standard_secrets=tuple(secret.get_secret_value() for secret in settings.webhook_secrets_standard),
            legacy_secrets=tuple(secret.get_secret_value() for secret in settings.webhook_secrets_legacy),
            at=at,
            tolerance=settings.signature_tolerance,
        )
        if verified.verdict is Signature.VALID or verified.signed_at is None:
            break
    return verified, at


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
        return InboxStatus.QUARANTINED, "stale_signature"
    if isinstance(event, Quarantined):
        return InboxStatus.QUARANTINED, event.reason
    if isinstance(event, UnknownEvent):
        return InboxStatus.IGNORED, "unknown_event_type"
    return InboxStatus.NEW, None


def _quarantined(delivery: Delivery, reason: str) -> Delivery:
    values = {name: getattr(delivery, name) for name in Delivery.__slots__}
    return Delivery(**values | {"status": InboxStatus.QUARANTINED, "reason": reason})


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
