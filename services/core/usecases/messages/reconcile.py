"""Settle a text of unknown outcome by the provider's own list: bound to what is there, looked for again, or held."""

import random
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic

import structlog

from services.core.domain.messages import MessageStatus
from services.core.domain.reconciliation import (
    EMPTY_LOOKS,
    Bind,
    Hold,
    LookAgain,
    candidates,
    decide_look,
)
from services.core.openphone.errors import ProviderThrottled
from services.core.runtime import failpoints, tracing
from services.core.runtime.telemetry import Attribute, SpanName
from services.core.storage import attempts, clock, contacts, outbox
from services.core.storage.database import Session
from services.core.storage.models import Attempt as AttemptRow
from services.core.storage.models import Message
from services.core.storage.outbox.life import apply_receipt, move
from services.core.usecases.context import Context
from services.core.usecases.messages.look_up import Doubt, Listing, Listings, NoTime, alongside, doubt_about
from services.core.usecases.messages.record_outcome import bind

log = structlog.get_logger()

JITTER = timedelta(seconds=5)
LOOKING_FOR = timedelta(seconds=12)
"""How long one task begins to read: the longest wait for a slot and the longest answer still end before its limit."""


def reconcile_messages(context: Context, message_ids: Sequence[int]) -> None:
    """Look once for each of the messages that are in doubt and write down what that means.

    What there is no time for, or no room in the provider's rate, is left to the next sweep: it counts as no look.
    """
    ends_at = monotonic() + LOOKING_FOR.total_seconds()
    with context.database.reading() as session:
        rows = (session.get(Message, message_id) for message_id in dict.fromkeys(message_ids))
        doubts = [
            doubt_about(session, row, empty_looks_needed=EMPTY_LOOKS)
            for row in rows
            if row is not None and row.status == MessageStatus.UNCERTAIN
        ]
    waiting = {doubt.message_id for doubt in doubts}
    try:
        for group in alongside(doubts):
            listings = Listings(context, group, ends_at=ends_at)
            for doubt in group:
                _look(context, doubt, listings)
                waiting.remove(doubt.message_id)
    except (ProviderThrottled, NoTime) as reason:
        log.info("reconcile.left_over", reason=type(reason).__name__, messages=len(waiting))
    if waiting:
        with context.database.transaction() as session:
            attempts.give_back_looks(session, sorted(waiting))


def _look(context: Context, doubt: Doubt, listings: Listings) -> None:
    attributes = {Attribute.MESSAGE_ID: doubt.message_id}
    with tracing.joined(SpanName.MESSAGE_RECONCILE, attributes, trace_of=doubt.traceparent):
        listing = listings.about(doubt)
        with context.database.transaction() as session:
            contacts.lock(session, doubt.contact_id)
            locked = outbox.lock(session, doubt.message_id)
            if locked is not None and locked.status == MessageStatus.UNCERTAIN and locked.attempts == doubt.number:
                _judge(session, locked, doubt, listing)
            failpoints.reach("reconciling")
        failpoints.reach("reconciled")


def _judge(session: Session, message: Message, doubt: Doubt, listing: Listing) -> None:
    at = clock.product_now(session)
    listed = listing.entries
    row = session.get_one(AttemptRow, doubt.attempt_id, with_for_update=True)
    bound = attempts.bound_ids(session, [entry.message_id for entry in listed or ()])
    found = candidates(doubt.attempt, listed or (), bound)
    looks = attempts.looks_of(session, row.id)
    verdict = decide_look(
        doubt.attempt,
        listed=listed,
        bound_ids=bound,
        empty_looks=[look.at for look in looks if not look.candidates],
        control_visible=listing.control_seen,
        at=at,
        jitter=JITTER * random.random(),  # noqa: S311
    )
    if listed is not None:
        attempts.record_look(
            session,
            row.id,
            at=at,
            listed=len(listed),
            candidates=[entry.message_id for entry in found],
            control_seen=listing.control_seen,
        )
    tracing.current().note({Attribute.OUTCOME: type(verdict).__name__.lower()})
    match verdict:
        case Bind(provider_message_id, duplicate):
            entry = next(entry for entry in found if entry.message_id == provider_message_id)
            bind(session, message, row, provider_message_id, entry.conversation_id, at=at)
            if entry.receipt is not None:
                apply_receipt(message, entry.receipt, occurred_at=at, error_code=entry.error_code, at=at)
            if duplicate:
                log.error("provider.shows_duplicate", message_id=message.id, seen=len(found))
        case LookAgain(next_at):
            row.next_look_at, row.look_published_at = next_at, None
        case Hold(reason):
            row.next_look_at = None
            move(message, MessageStatus.HELD, reason=reason, at=at)
            log.warning("message.held", message_id=message.id, reason=reason)
