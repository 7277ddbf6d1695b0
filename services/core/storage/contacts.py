"""Contacts: found or made by number, and locked before anything is decided about them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.core.storage import erasure
from services.core.storage.models import Contact

LONGEST_ID = 19
"""Digits from which on a number is no id."""


def make(session: Session, e164: str) -> Contact | None:
    """A new contact of the number, its row locked; `None` when there is one, perhaps since this very moment.

    A number that was erased gets its contact back, with its opt-out.
    """
    made = session.scalar(
        insert(Contact).values(e164=e164).on_conflict_do_nothing(index_elements=["e164"]).returning(Contact.id)
    )
    return erasure.reunite(session, lock(session, made)) if made is not None else None


def lock_by_number(session: Session, e164: str) -> Contact:
    """The contact of a number, made if missing, with its row locked until the transaction ends."""
    contact = make(session, e164)
    if contact is not None:
        return contact
    return session.execute(
        select(Contact)
        .where(Contact.e164 == e164)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()


def lock(session: Session, contact_id: int) -> Contact:
    """The contact with its row locked until the transaction ends."""
    return session.execute(
        select(Contact)
        .where(Contact.id == contact_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()


def find(session: Session, key: str) -> Contact | None:
    """A contact by id or by number."""
    if key.startswith("+"):
        return session.scalar(select(Contact).where(Contact.e164 == key))
    return session.get(Contact, int(key)) if key.isdecimal() and len(key) < LONGEST_ID else None


def page(session: Session, *, after: int, limit: int) -> Sequence[Contact]:
    """Contacts by id, `limit` of them after `after`."""
    return session.scalars(select(Contact).where(Contact.id > after).order_by(Contact.id).limit(limit)).all()


def pause(session: Session, contact: Contact, at: datetime) -> None:
    """Let nothing be sent to the contact until a person has decided."""
    session.execute(update(Contact).where(Contact.id == contact.id, Contact.paused_at.is_(None)).values(paused_at=at))


def unpause(session: Session, contact_id: int) -> None:
    session.execute(update(Contact).where(Contact.id == contact_id).values(paused_at=None))
