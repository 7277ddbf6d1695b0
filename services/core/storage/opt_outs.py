"""Opt-outs and the doubtful texts that wait for a person. Every writer holds the contact's row lock."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.core.domain.opt_outs import OptOutSource, start_lifts, stop_is_in_force
from services.core.domain.send_gate import Reason
from services.core.runtime import metering
from services.core.storage.instruments import OPT_OUTS
from services.core.storage.models import Contact, OptOut, Review
from services.core.storage.outbox import life

# The rule of `stop_is_in_force`, for many: a START said later has answered the mark already.
RECORD_IMPORTED = """
INSERT INTO opt_outs (contact_id, e164, source, rule, said_at, evidence, lifted_at, lifted_by)
SELECT id, e164, 'import', 'marked', :at, :evidence,
       CASE WHEN opted_in_at > :at THEN opted_in_at END, CASE WHEN opted_in_at > :at THEN 'later START' END
FROM contacts WHERE id = ANY(:contact_ids) ORDER BY id
ON CONFLICT (contact_id) WHERE lifted_at IS NULL DO UPDATE SET said_at = greatest(opt_outs.said_at, excluded.said_at)
"""

PUT_IN_FORCE = """
UPDATE contacts SET opted_out_at = greatest(opted_out_at, :at)
WHERE id = ANY(:contact_ids) AND (opted_in_at IS NULL OR opted_in_at <= :at) RETURNING id
"""


def record(
    session: Session,
    contact: Contact,
    *,
    source: OptOutSource,
    rule: str,
    said_at: datetime,
    evidence: str | None = None,
    inbox_id: int | None = None,
) -> bool:
    """Keep the opt-out and put it in force unless a later START has answered it already.

    Answers whether the contact is opted out now because of it, or was before.
    """
    in_force = stop_is_in_force(said_at=said_at, opted_in_at=contact.opted_in_at)
    session.execute(
        insert(OptOut)
        .values(
            contact_id=contact.id,
            e164=contact.e164,
            source=source,
            rule=rule,
            said_at=said_at,
            evidence=evidence,
            inbox_id=inbox_id,
            lifted_at=None if in_force else contact.opted_in_at,
            lifted_by=None if in_force else "later START",
        )
        .on_conflict_do_update(
            index_elements=["contact_id"],
            index_where=OptOut.lifted_at.is_(None),
            set_={"said_at": func.greatest(OptOut.said_at, said_at)},
        )
    )
    if in_force:
        metering.count(OPT_OUTS, source)
        latest = max(contact.opted_out_at or said_at, said_at)
        session.execute(update(Contact).where(Contact.id == contact.id).values(opted_out_at=latest))
    return in_force


def record_imported(session: Session, contact_ids: Sequence[int], *, import_id: int, said_at: datetime) -> None:
    """As `record` for all of the contacts at once, whom a file marks; what waits for them is skipped."""
    values = {"contact_ids": list(contact_ids), "at": said_at, "evidence": f"import {import_id}"}
    session.execute(text(RECORD_IMPORTED), values)
    in_force = session.scalars(text(PUT_IN_FORCE), values).all()
    metering.count(OPT_OUTS, OptOutSource.IMPORT, by=len(in_force))
    life.skip_waiting_for(session, in_force, reason=Reason.OPTED_OUT)


def lift(session: Session, contact: Contact, *, said_at: datetime, by: str, evidence: str | None) -> bool:
    """Take the opt-out back if this START was said after it; remember the START either way."""
    lifts = contact.opted_out_at is not None and start_lifts(said_at=said_at, opted_out_at=contact.opted_out_at)
    values: dict[str, datetime | None] = {"opted_in_at": max(contact.opted_in_at or said_at, said_at)}
    if lifts:
        values["opted_out_at"] = None
        session.execute(
            update(OptOut)
            .where(OptOut.contact_id == contact.id, OptOut.lifted_at.is_(None))
            .values(lifted_at=func.product_now(), lifted_by=by, lift_evidence=evidence)
        )
    session.execute(update(Contact).where(Contact.id == contact.id).values(**values))
    return lifts


def page(session: Session, *, after: int, limit: int, in_force: bool = True) -> Sequence[OptOut]:
    """Opt-outs by id, `limit` of them after `after`."""
    query = select(OptOut).where(OptOut.id > after).order_by(OptOut.id).limit(limit)
    return session.scalars(query.where(OptOut.lifted_at.is_(None)) if in_force else query).all()


def ask_for_review(session: Session, contact: Contact, *, rule: str, said_at: datetime, inbox_id: int) -> None:
    """Put a doubtful text before a person, once per received event."""
    session.execute(
        insert(Review)
        .values(contact_id=contact.id, inbox_id=inbox_id, rule=rule, said_at=said_at)
        .on_conflict_do_nothing(index_elements=["inbox_id"])
    )


def open_reviews(session: Session, *, limit: int = 100) -> Sequence[Review]:
    return session.scalars(select(Review).where(Review.decided_at.is_(None)).order_by(Review.id).limit(limit)).all()
