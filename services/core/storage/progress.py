"""How far a campaign is: what is open, what is settled, and what people answered."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from services.core.domain.inbox import InboxStatus
from services.core.domain.messages import Direction, MessageStatus
from services.core.storage.models import Attempt, Campaign, Contact, InboxEvent, Message, OptOut

MOVING = (MessageStatus.SENDING, MessageStatus.SENT)


@dataclass(frozen=True, slots=True)
class Progress:
    """`open` is still to come today, `deferred` is due after today's window, `unsettled` is of unknown outcome."""

    import_id: int
    planned: int
    open: int
    deferred: int
    unsettled: int
    inbox: int
    replies: int
    opt_outs: int
    by_status: dict[str, int]
    provider_ids: frozenset[str]
    next_look_at: datetime | None


def progress_of(session: Session, campaign_id: int, *, closes_at: datetime | None = None) -> Progress:
    """The campaign's progress; what is due from `closes_at` on counts as deferred."""
    campaign = session.get_one(Campaign, campaign_id, populate_existing=True)
    outgoing = (Message.campaign_id == campaign_id, Message.direction == Direction.OUTGOING)
    by_status = dict(
        session.execute(select(Message.status, func.count()).where(*outgoing).group_by(Message.status)).all()
    )
    later = _count(
        session,
        *outgoing,
        Message.status == MessageStatus.PENDING,
        or_(Message.not_before.is_(None), Message.not_before >= closes_at)
        if closes_at
        else Message.not_before.is_(None),
    )
    pending = by_status.get(MessageStatus.PENDING, 0)
    ids = session.scalars(select(Message.provider_message_id).where(*outgoing))
    return Progress(
        import_id=campaign.audience.import_id or 0,
        planned=sum(by_status.values()),
        open=pending - later + sum(by_status.get(status, 0) for status in MOVING),
        deferred=later,
        unsettled=by_status.get(MessageStatus.UNCERTAIN, 0),
        inbox=session.scalar(select(func.count()).select_from(InboxEvent).where(InboxEvent.status == InboxStatus.NEW))
        or 0,
        replies=_count(session, Message.campaign_id == campaign_id, Message.direction == Direction.INCOMING),
        opt_outs=session.scalar(
            select(func.count()).select_from(OptOut).where(OptOut.lifted_at.is_(None), OptOut.source == "webhook")
        )
        or 0,
        by_status=by_status,
        provider_ids=frozenset(id_ for id_ in ids if id_ is not None),
        next_look_at=_next_look_at(session, campaign_id),
    )


def running_campaign_named(session: Session, prefix: str) -> tuple[int | None, int]:
    """The running campaign whose name begins so, and how many there are of that name in all."""
    named = Campaign.name.startswith(f"{prefix} ", autoescape=True)
    running = session.scalar(select(Campaign.id).where(named, Campaign.status == "running").limit(1))
    return running, session.scalar(select(func.count()).select_from(Campaign).where(named)) or 0


def numbers_of(session: Session) -> dict[str, tuple[str | None, str | None]]:
    """State and time zone of every contact, by number."""
    rows = session.execute(select(Contact.e164, Contact.state, Contact.timezone))
    return {e164: (state, timezone) for e164, state, timezone in rows}


def _next_look_at(session: Session, campaign_id: int) -> datetime | None:
    return session.scalar(
        select(func.min(Attempt.next_look_at))
        .join(Message, Message.id == Attempt.message_id)
        .where(Message.campaign_id == campaign_id, Message.status == MessageStatus.UNCERTAIN)
    )


def _count(session: Session, *conditions: object) -> int:
    query = select(func.count()).select_from(Message).where(*conditions)  # type: ignore[arg-type]
    return session.scalar(query) or 0
