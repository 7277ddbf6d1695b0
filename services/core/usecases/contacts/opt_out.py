"""Opt-outs by hand: keep a number from being texted, take that back, and look at the proof."""

from services.core.domain.failures import Conflict
from services.core.domain.opt_outs import OptOutSource
from services.core.domain.send_gate import Reason
from services.core.storage import audit, clock, contacts, opt_outs
from services.core.storage.outbox import life
from services.core.usecases.contacts.person_key import read_phone
from services.core.usecases.context import Context
from services.core.usecases.required import require_text
from services.core.views.contacts import Contact
from services.core.views.opt_outs import LiftOptOut, NewOptOut, OptOut
from services.core.views.values import Page, page_of


def add_opt_out(context: Context, new: NewOptOut, *, by: str) -> Contact:
    """Text the number no more, whether or not it is a contact yet; what waits for it is skipped.

    Raises `RefusedInput` for a number that nobody may text, and for evidence that says nothing.
    """
    require_text("evidence", new.evidence, "say how the person asked: it is the proof")
    e164 = read_phone(context, new.phone)
    with context.database.transaction() as session:
        contact = contacts.lock_by_number(session, e164)
        at = clock.product_now(session)
        opt_outs.record(
            session, contact, source=OptOutSource.OPERATOR, rule="by_hand", said_at=at, evidence=new.evidence
        )
        life.skip_waiting_for(session, [contact.id], reason=Reason.OPTED_OUT)
        audit.record(session, actor=by, act="opt_out.added", subject="contact", subject_id=contact.id)
        session.refresh(contact)
        return Contact.of(contact)


def lift_opt_out(context: Context, wanted: LiftOptOut, *, by: str) -> Contact:
    """Let the number be texted again; what was skipped stays so.

    The provider keeps a list of its own, which only a START from the person's phone lifts. Raises `RefusedInput`, or
    `Conflict` for a number that has not opted out.
    """
    require_text("evidence", wanted.evidence, "say how the person asked to be texted again: it is the proof")
    e164 = read_phone(context, wanted.phone)
    with context.database.transaction() as session:
        contact = contacts.lock_by_number(session, e164)
        said_at = clock.product_now(session)
        if contact.opted_out_at is None:
            raise Conflict("not_opted_out", "this number has not opted out: there is nothing to lift")
        if not opt_outs.lift(session, contact, said_at=said_at, by=by, evidence=wanted.evidence):
            raise Conflict("opted_out_later", "the opt-out is dated later than now: look at it with opt-outs list")
        audit.record(session, actor=by, act="opt_out.lifted", subject="contact", subject_id=contact.id)
        session.refresh(contact)
        return Contact.of(contact)


def list_opt_outs(context: Context, *, after: int, limit: int, in_force: bool = True) -> Page[OptOut]:
    """Opt-outs in force, or with `in_force=False` the lifted ones too."""
    with context.database.reading() as session:
        rows = opt_outs.page(session, after=after, limit=limit + 1, in_force=in_force)
        return page_of(rows, limit, OptOut.of)
