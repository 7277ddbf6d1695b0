"""People: import them from a file in two steps, add one, look at one, forget one."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from services.console.cursors import page_of
from services.console.endpoints import By, ContactKey, Csv, CsvAnswer, Endpoint, PathId, Work
from services.console.shapes import contacts as shapes
from services.console.shapes.values import Page, PageQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.usecases import inspect_verbs
from services.core.usecases.contacts import contact_verbs
from services.core.usecases.contacts import imports as import_contacts
from services.core.usecases.contacts.contact_verbs import NewContact
from services.core.usecases.contacts.erase import Erasure
from services.core.usecases.contacts.erase import erase_contact as erase
from services.core.usecases.contacts.imports import ImportReport
from services.core.usecases.inspect_verbs import ContactView


def list_contacts(work: Work, request: Request, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """Contacts, oldest first."""
    return page_of(request, query, lambda after, limit: inspect_verbs.list_contacts(work, after=after, limit=limit))


def import_contacts_file(
    work: Work, by: By, upload: Csv, query: Annotated[shapes.ImportQuery, Query()], response: Response
) -> ImportReport:
    """Read a CSV file and say what it would do; the confirmation does it."""
    return tagged(response, import_contacts.dry_run(work, upload.chunks(), file_name=query.file_name, by=by))


def show_import(work: Work, import_id: PathId, response: Response) -> ImportReport:
    """The report of a dry run or of an import."""
    return tagged(response, import_contacts.show(work, import_id))


def list_imports(work: Work, request: Request, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """Imports, oldest first."""
    return page_of(request, query, lambda after, limit: import_contacts.list_imports(work, after=after, limit=limit))


def list_import_rows(
    work: Work, request: Request, import_id: PathId, query: Annotated[shapes.ImportRowsQuery, Query()]
) -> dict[str, Any]:
    """Each row of the file with what became of it; of a refused one also where it is wrong, and what stood there."""
    return page_of(
        request,
        query,
        lambda after, limit: import_contacts.list_rows(
            work, import_id, outcome=query.outcome, after=after, limit=limit
        ),
    )


def export_import_rows(
    work: Work, by: By, import_id: PathId, query: Annotated[shapes.ImportRowsExportQuery, Query()]
) -> CsvAnswer:
    """The rows as CSV, in which no spreadsheet finds a formula; who took them is recorded."""
    headers = {"content-disposition": f'attachment; filename="import-{import_id}-rows.csv"'}
    return CsvAnswer(import_contacts.export_rows(work, import_id, outcome=query.outcome, by=by), headers=headers)


def discard_import(work: Work, by: By, import_id: PathId, response: Response, versions: Versions) -> ImportReport:
    """Let a dry run never be confirmed; a repeat changes nothing."""
    return tagged(response, import_contacts.discard(work, import_id, by=by, versions=versions))


def confirm_import(work: Work, by: By, import_id: PathId, response: Response, versions: Versions) -> ImportReport:
    """Take a dry run over; once, however often it is confirmed. The answer says what was done to each row now."""
    return tagged(response, import_contacts.confirm(work, import_id, by=by, versions=versions))


def add_contact(work: Work, by: By, new: shapes.NewContact, response: Response) -> ContactView:
    """Make one contact by hand."""
    return tagged(response, contact_verbs.add_contact(work, NewContact(**new.model_dump()), by=by))


def show_contact(work: Work, key: ContactKey, response: Response) -> ContactView:
    """One contact, and whether it may be texted."""
    return tagged(response, inspect_verbs.find_contact(work, key))


def erase_contact(work: Work, by: By, key: ContactKey, wanted: shapes.Erase, versions: Versions) -> Erasure:
    """Forget a person for good; a hash of the number stays, so that a STOP stays in force."""
    return erase(work, key, reason=wanted.reason, by=by, versions=versions)


ENDPOINTS = (
    Endpoint(
        verb="contacts list",
        method="GET",
        path="/contacts",
        role=Role.VIEWER,
        handler=list_contacts,
        answer=Page[shapes.Contact],
    ),
    Endpoint(
        verb="contacts import",
        method="POST",
        path="/contacts/imports",
        role=Role.OPERATOR,
        handler=import_contacts_file,
        answer=shapes.ImportReport,
        status=201,
        takes_csv=True,
    ),
    Endpoint(
        verb="contacts show-import",
        method="GET",
        path="/contacts/imports/{import_id:id}",
        role=Role.VIEWER,
        handler=show_import,
        answer=shapes.ImportReport,
    ),
    Endpoint(
        verb="contacts imports",
        method="GET",
        path="/contacts/imports",
        role=Role.VIEWER,
        handler=list_imports,
        answer=Page[shapes.ImportReport],
    ),
    Endpoint(
        verb="contacts import-rows",
        method="GET",
        path="/contacts/imports/{import_id:id}/rows",
        role=Role.VIEWER,
        handler=list_import_rows,
        answer=Page[shapes.ImportRow],
    ),
    Endpoint(
        verb="contacts import-rows",
        method="GET",
        path="/contacts/imports/{import_id:id}/rows/export",
        role=Role.OPERATOR,
        handler=export_import_rows,
        answer=None,
        kind=CsvAnswer,
    ),
    Endpoint(
        verb="contacts discard-import",
        method="POST",
        path="/contacts/imports/{import_id:id}/discard",
        role=Role.OPERATOR,
        handler=discard_import,
        answer=shapes.ImportReport,
    ),
    Endpoint(
        verb="contacts confirm",
        method="POST",
        path="/contacts/imports/{import_id:id}/confirm",
        role=Role.OPERATOR,
        handler=confirm_import,
        answer=shapes.ImportReport,
    ),
    Endpoint(
        verb="contacts add",
        method="POST",
        path="/contacts",
        role=Role.OPERATOR,
        handler=add_contact,
        answer=shapes.Contact,
        status=201,
    ),
    Endpoint(
        verb="contacts show",
        method="GET",
        path="/contacts/{key:contact}",
        role=Role.VIEWER,
        handler=show_contact,
        answer=shapes.Contact,
    ),
    Endpoint(
        verb="contacts erase",
        method="POST",
        path="/contacts/{key:contact}/erase",
        role=Role.ADMIN,
        handler=erase_contact,
        answer=shapes.Erasure,
    ),
)
