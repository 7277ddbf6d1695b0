"""Add one contact by hand."""

from services.core.domain.contacts_csv.names import own_field
from services.core.domain.failures import Conflict, RefusedInput
from services.core.domain.zones import state_code, valid_zone
from services.core.storage import audit, contacts
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
