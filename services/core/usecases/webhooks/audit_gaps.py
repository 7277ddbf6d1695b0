"""Find what never reached us: compare our inbox with the provider's message list and its delivery log.

A text from a person that no webhook brought is taken from the list as if it had come, opt-out included; a receipt
that the list has and we lack is applied; failed deliveries are asked for again. The cursor is committed with the rows.
A text whose webhook was quarantined is taken once the provider itself confirms it.
Rule: reliability design, I3.
"""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import structlog

from services.core.domain.inbox import InboxStatus
from services.core.domain.messages import Direction, Receipt
from services.core.domain.reconciliation import ListedMessage
from services.core.domain.send_gate import Reason
from services.core.openphone.errors import NotFound, ProviderError, RequestRefused
from services.core.openphone.own_events import backfilled
from services.core.queue.enqueue import Batch, BrokerUnavailable
from services.core.queue.names import TaskName
from services.core.runtime import failpoints
from services.core.storage import clock, gap_audit, inbox, installation, outbox
from services.core.storage.database import Session
from services.core.storage.outbox.life import apply_receipt
from services.core.usecases.context import Context
from services.core.usecases.operations.suspicion import Forgotten, cast_doubt, check_listed, suspicion
from services.core.usecases.webhooks.accept import store_in, understand

log = structlog.get_logger()

OVERLAP = timedelta(minutes=30)
SLICE = timedelta(hours=2)
"""How much of the list the first transaction covers: a long outage is caught up in steps that are kept."""

FEW = 50
"""After a step that listed fewer than this, the next one covers four times as long."""

ON_ITS_WAY = timedelta(minutes=1)
"""A webhook may take this long before its message counts as missing."""

BUDGET_SECONDS = 20.0
LOOK_BACK = timedelta(hours=72)
RECEIPT_AFTER = timedelta(minutes=10)
RECEIPTS_AT_ONCE = 10
RETRIES_AT_ONCE = 20
CONFIRMED_AT_ONCE = 10
CONFIRMED = "confirmed_by_the_provider"


Also = Callable[[Session, Sequence[ListedMessage]], None]
"""What a recovery does with a piece of the list, in the transaction that moves the cursor."""


def audit_gaps(context: Context) -> dict[str, Any]:
    """One audit; answers how much it compared and repaired. What its time does not suffice for is the next one's.

    A rewound database is left to `recover`, which needs the cursor where it stands; that it is one may be seen here
    first. Raises a `ProviderError`; what was compared before it is kept.
    """
    found: dict[str, Any] = {"listed": 0, "backfilled": 0, "receipts": 0, "retried": 0}
    try:
        if _is_rewound(context):
            return {"skipped": Reason.DATABASE_REWOUND}
        found["caught_up"] = catch_up(context, found, budget=BUDGET_SECONDS)
    except Forgotten as forgotten:
        cast_doubt(context, str(forgotten))
        return {"skipped": Reason.DATABASE_REWOUND}
    found["receipts"] += _ask_for_receipts(context)
    found["backfilled"] += _confirm_quarantined(context)
    if context.settings.provider_webhook_id:
        _check_webhook(context, context.settings.provider_webhook_id, found)
    log.info("gaps.audited", **found)
    return found


def catch_up(
    context: Context,
    found: dict[str, int],
    *,
    budget: float,
    overlap: timedelta = OVERLAP,
    step: timedelta = SLICE,
    on_its_way: timedelta | None = ON_ITS_WAY,
    also: Also | None = None,
) -> bool:
    """Compare the list from the cursor on, in steps that are kept, for `budget` seconds; whether it came to the end.

    What is younger than `on_its_way` is left to its webhook; with None nothing is: a late webhook adds nothing. Raises
    `Forgotten`, unless `also` takes over what the list has.
    """
    began = monotonic()
    caught_up, span = False, step
    while not caught_up and monotonic() - began < budget:
        before = found["listed"]
        caught_up = _compare(context, found, span=span, overlap=overlap, on_its_way=on_its_way, also=also)
        span = span * 4 if found["listed"] - before < FEW else step
    return caught_up


def _is_rewound(context: Context) -> bool:
    with context.database.reading() as session:
        if installation.read(session).is_rewound:
            return True
    reason = suspicion(context)
    if reason is not None:
        cast_doubt(context, reason)
    return reason is not None


def _compare(
    context: Context,
    found: dict[str, int],
    *,
    span: timedelta,
    overlap: timedelta,
    on_its_way: timedelta | None,
    also: Also | None,
) -> bool:
    """Compare the next piece of the list; whether that was the last."""
    with context.database.reading() as session:
        at, cursor = clock.product_now(session), gap_audit.cursor(session)
    until = min(cursor + span, at)
    # The last piece has no end: the provider's clock may be ahead of ours.
    listed = context.provider.list_messages(cursor - overlap, created_before=until if until < at else None)
    settled = [entry for entry in listed if on_its_way is None or entry.created_at <= at - on_its_way]
    with context.database.transaction() as session:
        inbox_ids = _backfill(context, session, settled, at=at)
        if also is None:
            check_listed(session, listed, number=context.settings.provider_phone_number)
        else:
            also(session, listed)
        receipts = _apply_receipts(session, settled, at=at)
        gap_audit.move_cursor(session, until)
        failpoints.reach("gaps_committing")
    _publish(context, inbox_ids)
    found["listed"] += len(listed)
    found["backfilled"] += len(inbox_ids)
    found["receipts"] += receipts
    return until == at


def _backfill(context: Context, session: Session, listed: Sequence[ListedMessage], *, at: datetime) -> list[int]:
    """Store the incoming messages that no webhook brought; the ids of their new rows."""
    incoming = {entry.message_id: entry for entry in listed if entry.direction is Direction.INCOMING}
    missing = incoming.keys() - gap_audit.received_ids(session, incoming.keys())
    webhooks = []
    for entry in sorted((incoming[id_] for id_ in missing), key=lambda entry: (entry.created_at, entry.message_id)):
        body, vouched = backfilled(entry)
        webhooks.append(understand(context, body, {}, vouched, at=at, traceparent=None))
    stored = store_in(session, webhooks) if webhooks else []
    inbox_ids = [acceptance.inbox_id for acceptance in stored if acceptance.inbox_id is not None]
    if inbox_ids:
        log.warning("gaps.backfilled", events=len(inbox_ids))
    return inbox_ids


def _apply_receipts(session: Session, listed: Sequence[ListedMessage], *, at: datetime) -> int:
    """Take over delivery states that are further than ours; how many changed."""
    told = {entry.message_id: entry for entry in listed if entry.direction is Direction.OUTGOING}
    changed = 0
    for known in gap_audit.outgoing_by_provider_id(session, told.keys()):
        entry = told[known.provider_message_id or ""]
        if entry.receipt is None or entry.receipt is Receipt.SENT or entry.receipt == known.status:
            continue
        message = outbox.lock(session, known.id)
        if message is None:
            continue
        # The list does not say when: its receipt counts as old, so that a real one of the same rank wins.
        changed += apply_receipt(
            message, entry.receipt, occurred_at=entry.created_at, error_code=entry.error_code, at=at
        )
    return changed


def _confirm_quarantined(context: Context) -> int:
    """Ask for some texts whose webhooks were set aside, stale ones above all: the cursor has passed them.

    What the provider confirms is taken from its answer; its webhook is then needed no more. The others wait for a
    person, and are asked for less and less often. How many were taken.
    """
    with context.database.reading() as session:
        waiting = {
            event.provider_message_id or "": event.id
            for event in gap_audit.unconfirmed(session, limit=CONFIRMED_AT_ONCE)
        }
    entries = [entry for id_ in waiting if (entry := _ask_for(context, id_)) is not None]
    with context.database.transaction() as session:
        at = clock.product_now(session)
        gap_audit.ask_later(session, list(waiting.values()))
        inbox_ids = _backfill(context, session, entries, at=at)
        for entry in entries:
            event = inbox.lock(session, waiting[entry.message_id]) if entry.message_id in waiting else None
            if event is not None and event.status == InboxStatus.QUARANTINED and entry.direction is Direction.INCOMING:
                inbox.finish(event, InboxStatus.IGNORED, at=at, reason=CONFIRMED)
    _publish(context, inbox_ids)
    return len(inbox_ids)


def _ask_for_receipts(context: Context) -> int:
    """Ask for some older texts singly: their receipt may have been lost after the list had passed them."""
    with context.database.reading() as session:
        ids = gap_audit.without_receipt(
            session, older_than=RECEIPT_AFTER, younger_than=LOOK_BACK, limit=RECEIPTS_AT_ONCE
        )
    entries = [entry for id_ in ids if (entry := _ask_for(context, id_)) is not None]
    with context.database.transaction() as session:
        return _apply_receipts(session, entries, at=clock.product_now(session))


def _ask_for(context: Context, message_id: str) -> ListedMessage | None:
    try:
        return context.provider.get_message(message_id)
    except RequestRefused as refused:  # as it is where there is none, and for an id that the provider never gave
        log.warning("gaps.message_gone", provider_message_id=message_id, reason=refused.reason)
        return None


def _check_webhook(context: Context, webhook_id: str, found: dict[str, Any]) -> None:
    """See that the provider still delivers to us, and have it repeat what failed and we lack."""
    try:
        enabled = context.provider.get_webhook(webhook_id).is_enabled
    except NotFound:
        enabled = False
    found["webhook_enabled"] = enabled
    if not enabled:
        log.error("provider.webhook_disabled", webhook_id=webhook_id)
        return
    with context.database.reading() as session:
        since = clock.product_now(session) - LOOK_BACK
    failed = context.provider.deliveries(webhook_id, created_after=since, status="failed")
    keys = {f"standard:{delivery.id}": delivery.id for delivery in failed}
    with context.database.reading() as session:
        missing = keys.keys() - gap_audit.stored_deliveries(session, keys.keys())
    # Others each time: some that never succeed must not keep the rest from their turn.
    for key in random.sample(sorted(missing), min(len(missing), RETRIES_AT_ONCE)):
        found["retried"] += _retry(context, webhook_id, keys[key])
    found["failed_deliveries"] = len(missing)


def _retry(context: Context, webhook_id: str, delivery_id: str) -> bool:
    try:
        context.provider.retry_delivery(webhook_id, delivery_id)
    except ProviderError as error:
        if error.retryable:
            raise
        log.warning("gaps.retry_refused", delivery_id=delivery_id, reason=error.reason)
        return False
    return True


def _publish(context: Context, inbox_ids: Sequence[int]) -> None:
    if not inbox_ids:
        return
    try:
        context.broker.enqueue_up_to(TaskName.PROCESS_WEBHOOK, [Batch([str(inbox_id) for inbox_id in inbox_ids])])
    except BrokerUnavailable:
        log.warning("gaps.broker_unavailable", events=len(inbox_ids))  # the sweep publishes them
