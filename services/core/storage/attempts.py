"""Attempts whose outcome is unknown, the looks at the provider's list for them, and the gate's decisions."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from services.core.domain.messages import MessageStatus
from services.core.domain.send_gate import DecisionFacts
from services.core.storage.clock import PRODUCT_NOW
from services.core.storage.models import Attempt, GateDecisionRow, Look, Message
from services.core.storage.published import Published, is_not_among

NOW = func.clock_timestamp()
CONTROLS_AROUND = 1000
"""How many attempts before and after one are asked for a text that surely was sent."""


def latest(session: Session, message_id: int) -> Attempt:
    """The message's last attempt."""
    return session.execute(
        select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.number.desc()).limit(1)
    ).scalar_one()


def under_fence(session: Session, message_id: int, *, fence: int) -> Attempt | None:
    """The attempt that was begun under this fence, whatever came after it."""
    return session.scalar(select(Attempt).where(Attempt.message_id == message_id, Attempt.fence == fence))


def of_message(session: Session, message_id: int) -> Sequence[Attempt]:
    return session.scalars(select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.number)).all()


def of_messages(session: Session, message_ids: Sequence[int]) -> dict[int, list[Attempt]]:
    """The attempts of each message, oldest first."""
    found: dict[int, list[Attempt]] = {}
    query = select(Attempt).where(Attempt.message_id.in_(message_ids)).order_by(Attempt.message_id, Attempt.number)
    for row in session.scalars(query):
        found.setdefault(row.message_id, []).append(row)
    return found


def looks_of_each(session: Session, attempt_ids: Sequence[int]) -> dict[int, list[Look]]:
    """The looks for each attempt, oldest first."""
    found: dict[int, list[Look]] = {}
    for row in session.scalars(select(Look).where(Look.attempt_id.in_(attempt_ids)).order_by(Look.id)):
        found.setdefault(row.attempt_id, []).append(row)
    return found


def looks_of(session: Session, attempt_id: int) -> Sequence[Look]:
    return session.scalars(select(Look).where(Look.attempt_id == attempt_id).order_by(Look.id)).all()


def due_looks(session: Session, *, queued: Collection[int], republish_after: timedelta, limit: int) -> list[Published]:
    """Uncertain messages whose next look is due, not lately published, and not among the `queued`, by id."""
    due = (
        select(Message.id, Message.traceparent)
        .join(Attempt, Message.id == Attempt.message_id)
        .where(
            Attempt.next_look_at <= PRODUCT_NOW,
            Message.status == MessageStatus.UNCERTAIN,
            or_(Attempt.look_published_at.is_(None), Attempt.look_published_at < NOW - republish_after),
            is_not_among(Message.id, queued),
        )
        .order_by(Attempt.next_look_at)
        .limit(limit)
    )
    return sorted(Published(*row) for row in session.execute(due))


def stamp_looks(session: Session, message_ids: Sequence[int]) -> None:
    """Say that these looks are with the queue since now, but for those that were done since."""
    session.execute(
        update(Attempt)
        .where(Attempt.message_id.in_(message_ids), Attempt.next_look_at <= PRODUCT_NOW)
        .values(look_published_at=NOW)
    )


def give_back_looks(session: Session, message_ids: Sequence[int]) -> None:
    """Let the next sweep publish these looks again: there was no time for them."""
    session.execute(
        update(Attempt)
        .where(Attempt.message_id.in_(message_ids), Attempt.next_look_at.is_not(None))
        .values(look_published_at=None)
    )


def bound_ids(session: Session, candidates: Sequence[str]) -> set[str]:
    """Those of the provider's ids that belong to a message of ours already."""
    return {
        id_
        for id_ in session.scalars(
            select(Message.provider_message_id).where(Message.provider_message_id.in_(candidates))
        )
        if id_ is not None
    }


def uncertain_like(session: Session, *, sender: str, e164: str) -> Sequence[Message]:
    """Messages of unknown outcome from this sender to this number, locked: a receipt may be theirs."""
    return session.scalars(
        select(Message)
        .where(
            Message.sender == sender,
            Message.e164 == e164,
            Message.status.in_((MessageStatus.UNCERTAIN, MessageStatus.HELD)),
            Message.provider_message_id.is_(None),
        )
        .with_for_update(key_share=True)
    ).all()


@dataclass(frozen=True, slots=True)
class Control:
    """A text that surely was sent: a list that lacks it is stale."""

    provider_message_id: str
    e164: str
    submitted_at: datetime


def controls(session: Session, *, sender: str, attempt_ids: Sequence[int], within: timedelta) -> list[Control]:
    """Texts that this sender surely sent at most so long before or after one of these attempts, oldest first.

    Looked for among the attempts that lie around them, a bounded number, however many texts there are.
    """
    began = session.execute(
        select(func.min(Attempt.started_at), func.max(Attempt.started_at)).where(Attempt.id.in_(attempt_ids))
    ).one()
    rows = session.execute(
        select(Message.provider_message_id, Message.e164, Message.submitted_at)
        .join(Attempt, Attempt.message_id == Message.id)
        .where(
            Attempt.id.between(min(attempt_ids) - CONTROLS_AROUND, max(attempt_ids) + CONTROLS_AROUND),
            Attempt.started_at.between(began[0] - within, began[1] + within),
            Message.sender == sender,
            Message.submitted_at.is_not(None),
            Message.provider_message_id.is_not(None),
        )
        .order_by(Message.submitted_at, Message.id)
    )
    return [Control(cast(str, id_), e164, cast(datetime, at)) for id_, e164, at in rows]


def record_look(
    session: Session, attempt_id: int, *, at: datetime, listed: int, candidates: list[Any], control_seen: bool
) -> None:
    session.add(Look(attempt_id=attempt_id, at=at, listed=listed, candidates=candidates, control_seen=control_seen))
    session.flush()


def record_decision(
    session: Session,
    message_id: int,
    *,
    outcome: str,
    gate: str,
    reason: str,
    until: datetime | None = None,
    detail: DecisionFacts | None = None,
) -> None:
    """Keep what was decided about a message, for `why`."""
    facts = asdict(detail) if detail is not None else {}
    session.add(
        GateDecisionRow(message_id=message_id, outcome=outcome, gate=gate, reason=reason, until=until, detail=facts)
    )


def decisions_of(session: Session, message_id: int) -> Sequence[GateDecisionRow]:
    return session.scalars(
        select(GateDecisionRow).where(GateDecisionRow.message_id == message_id).order_by(GateDecisionRow.id)
    ).all()
