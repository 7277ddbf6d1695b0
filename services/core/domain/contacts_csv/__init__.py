"""Reading contacts from CSV files that people make: bytes in, one outcome per row out."""

from services.core.domain.contacts_csv.refusal import FileRefused
from services.core.domain.contacts_csv.rows import ContactFile, ContactRow, read_contacts

__all__ = ["ContactFile", "ContactRow", "FileRefused", "read_contacts"]
