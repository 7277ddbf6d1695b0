"""Erase a person: names, texts and raw webhooks go, and a hash of the number stays, so that STOP is not forgotten."""

from services.core.domain.failures import Conflict, NotFound
from services.core.domain.messages import MessageReason
from services.core.storage import audit, contacts, erasure
from services.core.storage.database import Session
from services.core.storage.models import Contact
from services.core.storage.outbox import life
from services.core.usecases.contacts.person_key import person_key
from services.core.usecases.context import Context
from services.core.usecases.required import require_text
from services.core.usecases.versions import Versions, check_version, version_of
from services.core.views import contacts as views


def erase_contact(
    context: Context, key: str, wanted: views.Erase, *, by: str, versions: Versions | None = None
) -> views.Erasure:
    """Forget a contact, by id or number. There is no way back; nothing is sent to the contact any more.

    Should the number come back, by an import or a text, it is the same contact again, opted out if it was.
    Raises `RefusedInput`, also for a version that is not one of `versions`, `NotFound`, or `Conflict` while something
    about the contact is still open.
    """
    require_text("reason", wanted.reason, "say who asked for it, and when: it is the proof")
    with context.database.transaction() as session:
        contact = _locked(session, person_key(context, key), versions)
        _check_nothing_open(session, contact)
        skipped = life.skip_waiting_for(session, [contact.id], reason=MessageReason.CONTACT_ERASED)
        erasure.cancel_jobs(session, contact)
        erasure.erase_kept_answers(session, contact)
        done = views.Erasure(
            contact_id=contact.id,
            opted_out=contact.opted_out_at is not None,
            skipped=skipped,
            messages=erasure.erase_messages(session, contact),
            recipients=erasure.erase_recipients(session, contact),
            webhooks=erasure.erase_events(session, contact),
            import_rows=erasure.erase_import_rows(session, contact),
        )
        erasure.erase_contact(session, contact)
        detail = {"reason": wanted.reason}
        audit.record(session, actor=by, act="contact.erased", subject="contact", subject_id=contact.id, detail=detail)
        return done


def _locked(session: Session, key: str, versions: Versions | None) -> Contact:
    found = contacts.find(session, key)
    if found is None:
        raise NotFound("contact", "of that number" if key.startswith("+") else "of that id")
    contact = contacts.lock(session, found.id)
    check_version(lambda: version_of(views.Contact.of(contact)), versions, noun="contact")
    if contact.erased_at is not None:
        raise Conflict("erased_before", f"contact {contact.id} was erased on {contact.erased_at:%Y-%m-%d}")
    return contact


def _check_nothing_open(session: Session, contact: Contact) -> None:
    if erasure.open_messages(session, contact):
        remedy = "wait until its outcome is known, or decide it: attackacrack held list"
        raise Conflict("text_open", f"a text to contact {contact.id} is on its way or held: {remedy}")
    if erasure.open_reviews(session, contact):
        remedy = "decide it first: attackacrack reviews list"
        raise Conflict("review_open", f"what contact {contact.id} wrote may mean stop: {remedy}")
    if erasure.open_events(session, contact):
        raise Conflict("event_open", f"an event of contact {contact.id} is just being handled: try again in a moment")
