"""Decisions about several held messages: which are meant, and what came of each."""

from collections.abc import Sequence

from services.core.domain.failures import RefusedInput
from services.core.storage import clock, messages
from services.core.storage.database import Session
from services.core.usecases.messages.held.evidence import views_of
from services.core.views.held import Decided, Held, SeveralHeld, Undecided


def find_several(session: Session, chosen: SeveralHeld) -> tuple[list[int], int]:
    """The ids of the oldest that are meant, up to the limit, and how many there are in all.

    Raises `RefusedInput` for a filter that names nothing: that would be everything.
    """
    if chosen.campaign_id is None and chosen.older_than is None and chosen.held_for is None:
        raise RefusedInput("filter_missing", "say which: a campaign, an age or a reason", pointer="/campaign_id")
    before = clock.product_now(session) - chosen.older_than if chosen.older_than is not None else None
    return messages.held_ids(
        session, campaign_id=chosen.campaign_id, held_before=before, reason=chosen.held_for, limit=chosen.limit
    )


def preview(session: Session, ids: Sequence[int], matched: int) -> Decided:
    """What a decision would be about; nothing is changed."""
    return Decided(
        dry_run=True,
        matched=matched,
        items=views_of(session, messages.of_ids(session, ids)),
        refused=[],
        left=0,
        next=None,
    )


def decided(matched: int, done: list[Held], refused: Sequence[tuple[int, RefusedInput]]) -> Decided:
    """What was decided, which messages stay held and why; the others were not reached."""
    return Decided(
        dry_run=False,
        matched=matched,
        items=done,
        refused=[Undecided(message_id=id_, code=refusal.code, detail=refusal.detail) for id_, refusal in refused],
        left=matched - len(done) - len(refused),
        next=None,
    )
