"""Release held messages: they are sent after all.

A release may text somebody twice; it therefore asks the provider's list once more, in the same act, and is refused
when the text is there or when the list is provably behind. Rules: reliability design, T11 and T12.
"""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from time import monotonic

from services.core.domain.failures import Conflict
from services.core.domain.reconciliation import candidates
from services.core.openphone.errors import ProviderThrottled
from services.core.storage import attempts, clock, messages, releases
from services.core.storage.database import Session
from services.core.storage.models import Message
from services.core.storage.outbox.life import put_back
from services.core.usecases.context import Context
from services.core.usecases.messages.held.decision import lock_held, record, require_reason
from services.core.usecases.messages.held.evidence import require_held, view_of
from services.core.usecases.messages.held.several import decided, find_several, preview
from services.core.usecases.messages.look_up import Doubt, Listing, Listings, NoTime, alongside, doubt_about
from services.core.usecases.one_by_one import one_by_one
from services.core.usecases.versions import Versions
from services.core.views.held import Decided, Decision, Held, SeveralHeld

LIST_UNREADABLE = "list_unreadable"
SECOND_PERSON_ABOVE = 50
COUNTED_FOR = timedelta(days=1)
DECIDING_FOR = timedelta(seconds=20)


class SecondPersonMissing(Conflict):
    """So many were released that one person is not enough."""

    def __init__(self, detail: str) -> None:
        super().__init__("second_person_missing", detail, pointer="/second")


def release_held(
    context: Context,
    message_id: int,
    decision: Decision,
    *,
    by: str,
    second: str | None = None,
    versions: Versions | None = None,
) -> Held:
    """Send it after all. `second` is the other person who agrees (`two_people`), needed above fifty releases a day.

    Raises `NotFound`; `Conflict` when it is not held, when the provider lists the text, when the list lacks texts that
    surely were sent, or without the second person; `RefusedInput` without a reason; a `ProviderError` when the list
    can't be read.
    """
    require_reason(decision.reason)
    with context.database.reading() as session:
        message = require_held(messages.find(session, message_id), message_id)
        _check_second(session, second)
        doubt = doubt_about(session, message, empty_looks_needed=0)
    listings = Listings(context, [doubt], ends_at=math.inf)
    try:
        return _release(context, doubt, listings, reason=decision.reason, by=by, second=second, versions=versions)
    except Conflict as conflict:
        if listings.failure is not None and conflict.code == LIST_UNREADABLE:
            raise listings.failure from conflict
        raise


def release_many_held(context: Context, chosen: SeveralHeld, *, by: str, second: str | None = None) -> Decided:
    """Release the oldest of those that are meant, each as `release_held` does, for twenty seconds at most.

    Texts that left together share one reading of the provider's list. What the list shows, or what was decided
    meanwhile, is left out and named. Raises `RefusedInput` without a reason or a filter, or `Conflict` without the
    second person.
    """
    require_reason(chosen.reason)
    with context.database.reading() as session:
        ids, matched = find_several(session, chosen)
        _check_second(session, second, more=len(ids))
        if chosen.dry_run:
            return preview(session, ids, matched)
        doubts = [doubt_about(session, session.get_one(Message, id_), empty_looks_needed=0) for id_ in ids]

    def with_listings() -> Iterator[tuple[Doubt, Listings]]:
        ends_at = monotonic() + DECIDING_FOR.total_seconds()
        for group in alongside(doubts):
            listings = Listings(context, group, ends_at=ends_at)
            yield from ((doubt, listings) for doubt in group)

    def release(doubted: tuple[Doubt, Listings]) -> Held:
        return _release(context, *doubted, reason=chosen.reason, by=by, second=second, versions=None)

    done, refused = one_by_one(with_listings(), release, until=(NoTime, ProviderThrottled))
    return decided(matched, done, [(doubt.message_id, refusal) for (doubt, _), refusal in refused])


def _release(
    context: Context,
    doubt: Doubt,
    listings: Listings,
    *,
    reason: str,
    by: str,
    second: str | None,
    versions: Versions | None,
) -> Held:
    listing = listings.about(doubt)
    with context.database.transaction() as session:
        message = lock_held(session, doubt.message_id, versions)
        _check_second(session, second)
        at = clock.product_now(session)
        _check_absent(session, doubt, listing, at=at)
        put_back(message, not_before=at, at=at)
        facts = {"second": second, "listed": len(listing.entries or ())}
        record(session, message.id, "released", act=releases.ACT, by=by, reason=reason, **facts)
        return view_of(session, message)


def _check_second(session: Session, second: str | None, *, more: int = 1) -> None:
    """Looked at once more in the release's own transaction, so that many at once are no more than one by one."""
    done = releases.count(session, since=clock.product_now(session) - COUNTED_FOR)
    if done + more > SECOND_PERSON_ABOVE and not second:
        raise SecondPersonMissing(
            f"{done} messages were released within a day, and {more} are asked for: above {SECOND_PERSON_ABOVE} two"
            " people agree, each with a token of their own (the header Second-Authorization, or --second-token)"
        )


def _check_absent(session: Session, doubt: Doubt, listing: Listing, *, at: datetime) -> None:
    """Refuse the release unless this listing shows no match and is not provably behind; then keep the look."""
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
