"""What an operator does with one contact: add it, keep it from being texted, and take that back."""

from services.core.domain.contacts_csv.names import own_field
from services.core.domain.failures import Conflict, RefusedInput
from services.core.domain.opt_outs import OptOutSource
from services.core.domain.zones import state_code, valid_zone
from services.core.storage import audit, clock, contacts, opt_outs
from services.core.storage.outbox import life
from services.core.usecases.contacts.person_key import read_phone
from services.core.usecases.context import Context
from services.core.views.contacts import Contact, NewContact


def add_contact(context: Context, new: NewContact, *, by: str) -> Contact:
    """Make the contact. Raises `RefusedInput` naming the field, or `Conflict` for a number that is known."""
    e164 = read_phone(context, new.phone)
    own = {own_field(name, pointer=f"/fields/{name}"): value for name, value in new.fields.items()}
    if new.state is not None and state_code(new.state) is None:
        raise RefusedInput("state_unknown", "state is a US state, the district or a territory", pointer="/state")
    if new.timezone is not None and not valid_zone(new.timezone):
        detail = "timezone is an IANA zone that names a place, as America/New_York"
        raise RefusedInput("timezone_unknown", detail, pointer="/timezone")
    with context.database.transaction() as session:
        contact = contacts.make(session, e164)
        if contact is None:
            raise Conflict("contact_known", "there is a contact of this number already", pointer="/phone")
        for name in ("first_name", "last_name", "city", "state", "zip", "timezone", "external_id"):
            setattr(contact, name, getattr(new, name))
        contact.fields = own
        audit.record(session, actor=by, act="contact.added", subject="contact", subject_id=contact.id)
        return Contact.of(contact)


def add_opt_out(context: Context, number: str, *, evidence: str, by: str) -> Contact:
    """Text the number no more, whether or not it is a contact yet; what waits for it is skipped.

    `evidence` says how the person asked. Raises `RefusedInput`.
    """
    if not evidence.strip():
        raise RefusedInput("evidence_missing", "say how the person asked: it is the proof", pointer="/evidence")
    e164 = read_phone(context, number)
    with context.database.transaction() as session:
        contact = contacts.lock_by_number(session, e164)
        at = clock.product_now(session)
        opt_outs.record(session, contact, source=OptOutSource.OPERATOR, rule="by_hand", said_at=at, evidence=evidence)
        life.skip_waiting_for(session, [contact.id], reason="opted_out")
        audit.record(session, actor=by, act="opt_out.added", subject="contact", subject_id=contact.id)
        session.refresh(contact)
        return Contact.of(contact)


def lift_opt_out(context: Context, number: str, *, evidence: str, by: str) -> Contact:
    """Let the number be texted again; what was skipped stays so. `evidence` says how the person asked for it.

    The provider keeps a list of its own, which only a START from the person's phone lifts. Raises `RefusedInput`, or
    `Conflict` for a number that has not opted out.
    """
    if not evidence.strip():
        detail = "say how the person asked to be texted again: it is the proof"
        raise RefusedInput("evidence_missing", detail, pointer="/evidence")
    e164 = read_phone(context, number)
    with context.database.transaction() as session:
        contact = contacts.lock_by_number(session, e164)
        said_at = clock.product_now(session)
        if contact.opted_out_at is None:
            raise Conflict("not_opted_out", "this number has not opted out: there is nothing to lift")
        if not opt_outs.lift(session, contact, said_at=said_at, by=by, evidence=evidence):
            raise Conflict("opted_out_later", "the opt-out is dated later than now: look at it with opt-outs list")
        audit.record(session, actor=by, act="opt_out.lifted", subject="contact", subject_id=contact.id)
        session.refresh(contact)
        return Contact.of(contact)
