"""Held messages: nobody can prove whether they left, so a named person decides, on evidence.

A release may text somebody twice; it therefore asks the provider's list once more, in the same act, and is refused
when the text is there or when the list is provably behind. Rules: reliability design, T11 and T12.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.domain.messages import Direction, MessageStatus
from services.core.domain.reconciliation import ListedMessage, candidates
from services.core.openphone.errors import NotFound as ProviderHasNone
from services.core.openphone.errors import ProviderThrottled
from services.core.storage import attempts, audit, clock, contacts, messages, outbox, releases
from services.core.storage.database import Session
from services.core.storage.models import Attempt as AttemptRow
from services.core.storage.models import Look, Message
from services.core.storage.outbox.life import apply_receipt, put_back, skip
from services.core.storage.unique import unless_taken
from services.core.usecases.context import Context
from services.core.usecases.messages.look_up import Doubt, Listing, Listings, NoTime, alongside, doubt_about
from services.core.usecases.messages.record_outcome import bind as bind_to
from services.core.usecases.required import require_text
from services.core.usecases.versions import Versions, check_version, version_of
from services.core.views.values import Page

LIST_UNREADABLE = "list_unreadable"
SECOND_PERSON_ABOVE = 50
COUNTED_FOR = timedelta(days=1)
DECIDING_FOR = timedelta(seconds=20)


class SecondPersonMissing(Conflict):
    """So many were released that one person is not enough."""

    def __init__(self, detail: str) -> None:
        super().__init__("second_person_missing", detail, pointer="/second")


@dataclass(frozen=True, slots=True)
class LookView:
    """One look at the provider's list: how much it listed, what could be the text, and whether a control was seen."""

    at: datetime
    listed: int
    candidates: list[str]
    control_seen: bool


@dataclass(frozen=True, slots=True)
class AttemptView:
    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    detail: str | None
    http_status: int | None
    looks: list[LookView]


@dataclass(frozen=True, slots=True)
class HeldView:
    """A held message with its evidence; `risk` says what a release would mean."""

    message_id: int
    campaign_id: int | None
    contact_id: int | None
    e164: str
    status: str
    reason: str | None
    body: str | None
    provider_message_id: str | None
    opted_out_in_flight: bool
    attempts: list[AttemptView]
    risk: str


@dataclass(frozen=True, slots=True)
class HeldFilter:
    """Which held messages are meant: of a campaign, held for so long, held for a reason (of `HeldView.reason`)."""

    campaign_id: int | None = None
    older_than: timedelta | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Undecided:
    """A message that stayed held, and why."""

    message_id: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision about many did, or with `dry_run` would do.

    `matched` are all that the filter names; `items` the oldest of them, decided or to be; `refused` those that stay
    held; `left` were not reached: ask again.
    """

    dry_run: bool
    matched: int
    items: Sequence[HeldView]
    refused: Sequence[Undecided]
    left: int
    next: None = None


def list_held(context: Context, *, after: int = 0, limit: int = 100) -> Page[HeldView]:
    """Held messages by id, each with its evidence."""
    with context.database.reading() as session:
        rows = messages.page(session, status=MessageStatus.HELD, after=after, limit=limit + 1)
        views = _views(session, rows[:limit])
        return Page(items=views, next=views[-1].message_id if len(rows) > limit else None)


def show_held(context: Context, message_id: int) -> HeldView:
    """Raises `NotFound`, or `Conflict` for a message that is not held."""
    with context.database.reading() as session:
        return _view(session, _held(messages.find(session, message_id), message_id))


def release(
    context: Context,
    message_id: int,
    *,
    by: str,
    reason: str,
    second: str | None = None,
    versions: Versions | None = None,
) -> HeldView:
    """Send it after all. `second` is the other person who agrees (`two_people`), needed above fifty releases a day.

    Raises `NotFound`; `Conflict` when it is not held, when the provider lists the text, when the list lacks texts that
    surely were sent, or without the second person; a `ProviderError` when the list can't be read.
    """
    _check_reason(reason)
    with context.database.reading() as session:
        message = _held(messages.find(session, message_id), message_id)
        _check_second(session, second)
        doubt = doubt_about(session, message, empty_looks_needed=0)
    listings = Listings(context, [doubt], ends_at=math.inf)
    try:
        return _release(context, doubt, listings, by=by, reason=reason, second=second, versions=versions)
    except Conflict as conflict:
        if listings.failure is not None and conflict.code == LIST_UNREADABLE:
            raise listings.failure from conflict
        raise


def release_many(
    context: Context,
    chosen: HeldFilter,
    *,
    by: str,
    reason: str,
    second: str | None = None,
    dry_run: bool,
    limit: int,
) -> Decided:
    """Release the oldest `limit` of those that the filter names, each as `release` does, for twenty seconds at most.

    Texts that left together share one reading of the provider's list. What the list shows, or what was decided
    meanwhile, is left out and named. Raises `RefusedInput` without a reason, or `Conflict` without the second person.
    """
    _check_reason(reason)
    with context.database.reading() as session:
        ids, matched = _matching(session, chosen, limit=limit)
        _check_second(session, second, more=len(ids))
        if dry_run:
            return Decided(True, matched, _views(session, messages.of_ids(session, ids)), [], 0)
        doubts = [doubt_about(session, session.get_one(Message, id_), empty_looks_needed=0) for id_ in ids]
    ends_at = monotonic() + DECIDING_FOR.total_seconds()
    done: list[HeldView] = []
    refused: list[Undecided] = []
    with suppress(NoTime, ProviderThrottled):
        for group in alongside(doubts):
            listings = Listings(context, group, ends_at=ends_at)
            for doubt in group:
                try:
                    done.append(_release(context, doubt, listings, by=by, reason=reason, second=second, versions=None))
                except RefusedInput as refusal:
                    refused.append(Undecided(doubt.message_id, refusal.code, refusal.detail))
    return Decided(False, matched, done, refused, matched - len(done) - len(refused))


def _release(
    context: Context,
    doubt: Doubt,
    listings: Listings,
    *,
    by: str,
    reason: str,
    second: str | None,
    versions: Versions | None,
) -> HeldView:
    listing = listings.about(doubt)
    with context.database.transaction() as session:
        message = _locked(session, doubt.message_id, versions)
        _check_second(session, second)
        at = clock.product_now(session)
        _check_absent(session, doubt, listing, at=at)
        put_back(message, not_before=at, at=at)
        attempts.record_decision(session, message.id, outcome="released", gate="operator", reason=reason)
        detail = {"reason": reason, "second": second, "listed": len(listing.entries or ())}
        audit.record(session, actor=by, act=releases.ACT, subject="message", subject_id=message.id, detail=detail)
        return _view(session, message)


def bind(
    context: Context,
    message_id: int,
    provider_message_id: str,
    *,
    by: str,
    reason: str,
    versions: Versions | None = None,
) -> HeldView:
    """Say that the provider's message is this one. It must be from our number to this person, and nobody else's.

    Raises `NotFound`, `Conflict`, or a `ProviderError`.
    """
    _check_reason(reason)
    try:
        entry = context.provider.get_message(provider_message_id)
    except ProviderHasNone as error:
        raise NotFound("message of the provider", provider_message_id) from error
    with context.database.transaction() as session:
        message = _locked(session, message_id, versions)
        if not _is_between_the_same(entry, message):
            raise Conflict("another_message", "the provider's message is from or to another number: take the right id")
        taken = Conflict("bound_already", "the provider's message belongs to another of ours already")
        at = clock.product_now(session)
        row = attempts.latest(session, message_id)
        with unless_taken(session, taken):
            bind_to(session, message, row, provider_message_id, entry.conversation_id, at=at)
        if entry.receipt is not None:
            apply_receipt(message, entry.receipt, occurred_at=at, error_code=entry.error_code, at=at)
        attempts.record_decision(session, message_id, outcome="bound", gate="operator", reason=reason)
        detail = {"reason": reason, "provider_message_id": provider_message_id}
        audit.record(session, actor=by, act="message.bound", subject="message", subject_id=message_id, detail=detail)
        return _view(session, message)


def cancel(context: Context, message_id: int, *, by: str, reason: str, versions: Versions | None = None) -> HeldView:
    """Leave it at that: whether it left stays unknown, and it is never sent again. Raises `NotFound`, `Conflict`."""
    _check_reason(reason)
    with context.database.transaction() as session:
        message = _locked(session, message_id, versions)
        skip(message, reason="cancelled_by_operator", at=clock.product_now(session))
        attempts.record_decision(session, message_id, outcome="cancelled", gate="operator", reason=reason)
        detail = {"reason": reason}
        audit.record(
            session, actor=by, act="message.cancelled", subject="message", subject_id=message_id, detail=detail
        )
        return _view(session, message)


def cancel_many(context: Context, chosen: HeldFilter, *, by: str, reason: str, dry_run: bool, limit: int) -> Decided:
    """Cancel the oldest `limit` of those that the filter names. Raises `RefusedInput` without a reason."""
    _check_reason(reason)
    with context.database.reading() as session:
        ids, matched = _matching(session, chosen, limit=limit)
        if dry_run:
            return Decided(True, matched, _views(session, messages.of_ids(session, ids)), [], 0)
    done: list[HeldView] = []
    refused: list[Undecided] = []
    for message_id in ids:
        try:
            done.append(cancel(context, message_id, by=by, reason=reason))
        except RefusedInput as refusal:
            refused.append(Undecided(message_id, refusal.code, refusal.detail))
    return Decided(False, matched, done, refused, matched - len(done) - len(refused))


def _matching(session: Session, chosen: HeldFilter, *, limit: int) -> tuple[list[int], int]:
    """Raises `RefusedInput` for a filter that names nothing: that would be everything."""
    if chosen == HeldFilter():
        raise RefusedInput("filter_missing", "say which: a campaign, an age or a reason", pointer="/campaign_id")
    before = clock.product_now(session) - chosen.older_than if chosen.older_than is not None else None
    return messages.held_ids(
        session, campaign_id=chosen.campaign_id, held_before=before, reason=chosen.reason, limit=limit
    )


def _check_reason(reason: str) -> None:
    require_text("reason", reason, "say why: the next person will ask")


def _check_second(session: Session, second: str | None, *, more: int = 1) -> None:
    """Looked at once more in the release's own transaction, so that many at once are no more than one by one."""
    done = releases.count(session, since=clock.product_now(session) - COUNTED_FOR)
    if done + more > SECOND_PERSON_ABOVE and not second:
        raise SecondPersonMissing(
            f"{done} messages were released within a day, and {more} are asked for: above {SECOND_PERSON_ABOVE} two"
            " people agree, each with a token of their own (the header Second-Authorization, or --second-token)"
        )


def _check_absent(session: Session, doubt: Doubt, listing: Listing, *, at: datetime) -> None:
    """Refuse the release unless this listing shows no match and is not provably behind; keep the look either way."""
    if listing.entries is None:
        raise Conflict(LIST_UNREADABLE, "the provider's list could not be read in full: try again later")
    ids = [entry.message_id for entry in listing.entries]
    found = candidates(doubt.attempt, listing.entries, attempts.bound_ids(session, ids))
    if found:
        raise Conflict("listed", f"the provider lists this text as {found[0].message_id}: bind the message to it")
    if listing.has_control and not listing.control_seen:
        raise Conflict("list_behind", "the provider's list lacks texts that surely were sent: try again later")
    attempts.record_look(
        session, doubt.attempt_id, at=at, listed=len(ids), candidates=[], control_seen=listing.control_seen
    )


def _is_between_the_same(entry: ListedMessage, message: Message) -> bool:
    return (
        entry.direction is Direction.OUTGOING and entry.sender == message.sender and entry.recipients == (message.e164,)
    )


def _held(message: Message | None, message_id: int) -> Message:
    if message is None:
        raise NotFound("message", message_id)
    if message.status != MessageStatus.HELD:
        raise Conflict("not_held", f"message {message_id} is {message.status}, not held: nothing is to be decided")
    return message


def _locked(session: Session, message_id: int, versions: Versions | None) -> Message:
    found = messages.find(session, message_id)
    if found is None:
        raise NotFound("message", message_id)
    contacts.lock(session, found.contact_id or 0)
    message = outbox.lock(session, message_id)
    if message is not None:
        check_version(lambda: version_of(_view(session, message)), versions, noun="message")
    return _held(message, message_id)


def _views(session: Session, rows: Sequence[Message]) -> list[HeldView]:
    """As many statements for a page as for one."""
    tried = attempts.of_messages(session, [row.id for row in rows])
    looks = attempts.looks_of_each(session, [attempt.id for each in tried.values() for attempt in each])
    return [_held_view(row, [_attempt(each, looks.get(each.id, ())) for each in tried.get(row.id, ())]) for row in rows]


def _view(session: Session, message: Message) -> HeldView:
    return _views(session, [message])[0]


def _held_view(message: Message, tried: list[AttemptView]) -> HeldView:
    return HeldView(
        message_id=message.id,
        campaign_id=message.campaign_id,
        contact_id=message.contact_id,
        e164=message.e164,
        status=message.status,
        reason=message.reason,
        body=message.body,
        provider_message_id=message.provider_message_id,
        opted_out_in_flight=message.opted_out_in_flight,
        attempts=tried,
        risk=_risk(tried),
    )


def _risk(tried: Sequence[AttemptView]) -> str:
    looks = [look for attempt in tried for look in attempt.looks]
    if any(look.candidates for look in looks):
        return "the provider has shown a text that could be it: a release most likely texts the person twice"
    if any(look.control_seen for look in looks):
        return "a list that was up to date did not show it: a release texts the person twice only if the list is wrong"
    return "no list proved that it was not sent: a release may text the person twice"


def _attempt(row: AttemptRow, looks: Sequence[Look]) -> AttemptView:
    return AttemptView(
        number=row.number,
        started_at=row.started_at,
        finished_at=row.finished_at,
        outcome=row.outcome,
        detail=row.detail,
        http_status=row.http_status,
        looks=[LookView(look.at, look.listed, list(look.candidates), look.control_seen) for look in looks],
    )
