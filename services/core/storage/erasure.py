"""Forget a person, and know them again: what is erased where, and the hash that an erased number leaves behind.

The rows stay, so that counts, caps and the proof of opt-outs hold; what tells who it was, and what was said, goes.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from services.core.domain.imports import ImportStatus
from services.core.domain.inbox import EventReason, InboxStatus
from services.core.domain.messages import MessageStatus
from services.core.storage.bulk import count_written
from services.core.storage.models import (
    Campaign,
    Contact,
    IdempotencyKey,
    Import,
    ImportRow,
    InboxEvent,
    Installation,
    Job,
    Message,
    OptOut,
    Recipient,
    Review,
)

OPEN = (MessageStatus.SENDING, MessageStatus.UNCERTAIN, MessageStatus.HELD)
PERSONAL = ("first_name", "last_name", "city", "state", "zip", "timezone", "external_id")


def placeholder(contact: Contact) -> str:
    """What stands where the number stood."""
    return f"erased-{contact.id}"


def open_messages(session: Session, contact: Contact) -> int:
    """How many texts to the contact have an outcome that is still to be found out."""
    return _number(session, Message, Message.contact_id == contact.id, Message.status.in_(OPEN))


def open_reviews(session: Session, contact: Contact) -> int:
    return _number(session, Review, Review.contact_id == contact.id, Review.decided_at.is_(None))


def open_events(session: Session, contact: Contact) -> int:
    """How many received events that name the contact's number still wait for their effect."""
    return _number(session, InboxEvent, _names(contact), InboxEvent.status == InboxStatus.NEW)


def erase_messages(session: Session, contact: Contact) -> int:
    values = {"body": None, "body_hash": b"", "e164": placeholder(contact), "conversation_id": None}
    return count_written(session, update(Message).where(Message.contact_id == contact.id).values(values))


def erase_recipients(session: Session, contact: Contact) -> int:
    """Take the contact out of plans that have not started, which then must be planned anew, and blank it in others."""
    drafts = select(Campaign.id).where(
        Campaign.status == "draft",
        Campaign.id.in_(select(Recipient.campaign_id).where(Recipient.contact_id == contact.id)),
    )
    ids = session.scalars(drafts).all()
    session.execute(
        update(Campaign)
        .where(Campaign.id.in_(ids))
        .values(plan_hash=None, plan_json=None, version=Campaign.version + 1)
    )
    session.execute(delete(Recipient).where(Recipient.contact_id == contact.id, Recipient.campaign_id.in_(ids)))
    mine = update(Recipient).where(Recipient.contact_id == contact.id)
    blanked = count_written(session, mine.values(e164=placeholder(contact)))
    session.execute(mine.where(Recipient.body.is_not(None)).values(body=""))
    return blanked


def erase_events(session: Session, contact: Contact) -> int:
    """Drop the bytes and headers of every stored event that names the number; none of them waits any longer."""
    named = update(InboxEvent).where(_names(contact))
    waiting = named.where(InboxEvent.status.in_((InboxStatus.PARKED, InboxStatus.QUARANTINED)))
    session.execute(
        waiting.values(status=InboxStatus.IGNORED, reason=EventReason.CONTACT_ERASED, handled_at=func.product_now())
    )
    return count_written(session, named.values(raw=None, headers={}))


def erase_import_rows(session: Session, contact: Contact) -> int:
    done = Import.status != ImportStatus.CONFIRMING  # one under way goes on behind its last number
    session.execute(update(Import).where(Import.taken_number == contact.e164, done).values(taken_number=None))
    mine = update(ImportRow).where(ImportRow.e164 == contact.e164)
    return count_written(session, mine.values(e164=None, data={}, warnings=[]))


def erase_kept_answers(session: Session, contact: Contact) -> None:
    """Drop the API's kept answers that name the number."""
    named = IdempotencyKey.response.cast(Text).contains(contact.e164[1:], autoescape=True)
    session.execute(delete(IdempotencyKey).where(named))


def cancel_jobs(session: Session, contact: Contact) -> None:
    """Let nothing more follow from the contact's jobs."""
    further = Job.completed_at.is_(None) | (Job.reminder_message_id.is_(None) & Job.review_at.is_(None))
    session.execute(
        update(Job)
        .where(Job.contact_id == contact.id, Job.cancelled_at.is_(None), further)
        .values(cancelled_at=func.product_now(), updated_at=func.product_now())
    )


def erase_contact(session: Session, contact: Contact) -> None:
    """Replace the number by its hash and drop the rest; last, because the others find their rows by the number."""
    session.execute(update(OptOut).where(OptOut.contact_id == contact.id).values(e164=placeholder(contact)))
    session.execute(
        update(Contact)
        .where(Contact.id == contact.id)
        .values(
            dict.fromkeys(PERSONAL)
            | {
                "fields": {},
                "e164": placeholder(contact),
                "number_hash": _hash_of(contact.e164),
                "erased_at": func.product_now(),
                "updated_at": func.product_now(),
            }
        )
    )


def reunite(session: Session, new: Contact) -> Contact:
    """The erased contact that had the new one's number, in its place and with its details; else the new one.

    Opt-outs, caps and what was sent hold on for the number. The new row must be of this transaction.
    """
    erased = session.scalar(
        select(Contact)
        .where(Contact.number_hash == _hash_of(new.e164))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if erased is None:
        return new
    known = {name: getattr(new, name) for name in (*PERSONAL, "e164", "fields", "import_id")}
    session.delete(new)
    session.flush()
    for name, value in (known | {"erased_at": None, "number_hash": None}).items():
        setattr(erased, name, value)
    session.flush()
    in_force = OptOut.lifted_at.is_(None)
    session.execute(update(OptOut).where(OptOut.contact_id == erased.id, in_force).values(e164=erased.e164))
    return erased


def reunite_made(session: Session, contact_ids: Sequence[int]) -> frozenset[int]:
    """Reunite those of the contacts, all just made, whose numbers were erased; answers which."""
    erased = aliased(Contact)
    found = session.scalars(
        select(Contact)
        .join(erased, erased.number_hash == _hash_of(Contact.e164))
        .where(Contact.id.in_(contact_ids), Contact.erased_at.is_(None))
        .order_by(Contact.e164)
    ).all()
    for contact in found:
        reunite(session, contact)
    return frozenset(contact.id for contact in found)


def _hash_of(e164: Any) -> Any:
    pepper = select(Installation.number_pepper).scalar_subquery()
    return func.sha256(pepper.op("||")(func.convert_to(e164, "UTF8")))


def _names(contact: Contact) -> ColumnElement[bool]:
    """Whether an event's bytes name the number, whatever the event is about."""
    return func.pg_catalog.position(InboxEvent.raw, contact.e164[1:].encode()) > 0


def _number(session: Session, table: type[Any], *conditions: Any) -> int:
    return session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0
