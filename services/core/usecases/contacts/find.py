"""Find contacts: all of them, or one by id or number."""

from services.core.domain.failures import NotFound
from services.core.storage import contacts
from services.core.usecases.contacts.person_key import person_key
from services.core.usecases.context import Context
from services.core.views.contacts import Contact
from services.core.views.values import Page, page_of


def find_contact(context: Context, key: str) -> Contact:
    """A contact by id, or by number in any form. Raises `NotFound`, which never repeats a number."""
    key = person_key(context, key)
    with context.database.reading() as session:
        found = contacts.find(session, key)
        if found is None:
            raise NotFound("contact", "of that number" if key.startswith("+") else key)
        return Contact.of(found)


def list_contacts(context: Context, *, after: int, limit: int) -> Page[Contact]:
    """Contacts, oldest first."""
    with context.database.reading() as session:
        return page_of(contacts.page(session, after=after, limit=limit + 1), limit, Contact.of)
