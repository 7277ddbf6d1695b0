"""People: import them from a file in two steps, add one, look at one, forget one."""

from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import Field

from services.console.cursors import page_of
from services.console.endpoints import By, ContactKey, Csv, CsvAnswer, Endpoint, InContext, PathId
from services.console.shapes import Page, PageQuery, StrictQuery
from services.console.versions import Versions, tagged
from services.core.domain.access import Role
from services.core.domain.imports import RowOutcome
from services.core.usecases.contacts import (
    add,
    erase,
    find,
    find_imports,
)
from services.core.usecases.contacts import (
    confirm_import as confirm,
)
from services.core.usecases.contacts import (
    discard_import as discard,
)
from services.core.usecases.contacts import (
    dry_run_import as dry_run,
)
from services.core.views import contacts as views


class ImportQuery(StrictQuery):
    file_name: str = Field(default="upload.csv", max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")


class ImportRowsQuery(PageQuery):
    outcome: RowOutcome | None = Field(default=None, description="Only rows with this outcome")


class ImportRowsExportQuery(StrictQuery):
    outcome: RowOutcome | None = Field(default=None, description="Only rows with this outcome")


def list_contacts(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """Contacts, oldest first."""
    return page_of(request, query, lambda after, limit: find.list_contacts(context, after=after, limit=limit))


def import_contacts_file(
    context: InContext, by: By, upload: Csv, query: Annotated[ImportQuery, Query()], response: Response
) -> views.ImportReport:
    """Read a CSV file and say what it would do; the confirmation does it."""
    return tagged(response, dry_run.dry_run_import(context, upload.chunks(), file_name=query.file_name, by=by))


def show_import(context: InContext, import_id: PathId, response: Response) -> views.ImportReport:
    """The report of a dry run or of an import."""
    return tagged(response, find_imports.show_import(context, import_id))


def list_imports(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """Imports, oldest first."""
    return page_of(request, query, lambda after, limit: find_imports.list_imports(context, after=after, limit=limit))


def list_import_rows(
    context: InContext, request: Request, import_id: PathId, query: Annotated[ImportRowsQuery, Query()]
) -> dict[str, Any]:
    """Each row of the file with what became of it; of a refused one also where it is wrong, and what stood there."""
    return page_of(
        request,
        query,
        lambda after, limit: find_imports.list_import_rows(
            context, import_id, outcome=query.outcome, after=after, limit=limit
        ),
    )


def export_import_rows(
    context: InContext, by: By, import_id: PathId, query: Annotated[ImportRowsExportQuery, Query()]
) -> CsvAnswer:
    """The rows as CSV, in which no spreadsheet finds a formula; who took them is recorded."""
    headers = {"content-disposition": f'attachment; filename="import-{import_id}-rows.csv"'}
    return CsvAnswer(find_imports.export_import_rows(context, import_id, outcome=query.outcome, by=by), headers=headers)


def discard_import(
    context: InContext, by: By, import_id: PathId, response: Response, versions: Versions
) -> views.ImportReport:
    """Let a dry run never be confirmed; a repeat changes nothing."""
    return tagged(response, discard.discard_import(context, import_id, by=by, versions=versions))


def confirm_import(
    context: InContext, by: By, import_id: PathId, response: Response, versions: Versions
) -> views.ImportReport:
    """Take a dry run over; once, however often it is confirmed. The answer says what was done to each row now."""
    return tagged(response, confirm.confirm_import(context, import_id, by=by, versions=versions))


def add_contact(context: InContext, by: By, new: views.NewContact, response: Response) -> views.Contact:
    """Make one contact by hand."""
    return tagged(response, add.add_contact(context, new, by=by))


def show_contact(context: InContext, key: ContactKey, response: Response) -> views.Contact:
    """One contact, and whether it may be texted."""
    return tagged(response, find.find_contact(context, key))


def erase_contact(
    context: InContext, by: By, key: ContactKey, wanted: views.Erase, versions: Versions
) -> views.Erasure:
    """Forget a person for good; a hash of the number stays, so that a STOP stays in force."""
    return erase.erase_contact(context, key, wanted, by=by, versions=versions)


ENDPOINTS = (
    Endpoint(
        verb="contacts list",
        method="GET",
        path="/contacts",
        role=Role.VIEWER,
        handler=list_contacts,
        answer=Page[views.Contact],
    ),
    Endpoint(
        verb="contacts import",
        method="POST",
        path="/contacts/imports",
        role=Role.OPERATOR,
        handler=import_contacts_file,
        answer=views.ImportReport,
        status=201,
        takes_csv=True,
    ),
    Endpoint(
        verb="contacts show-import",
        method="GET",
        path="/contacts/imports/{import_id:id}",
        role=Role.VIEWER,
        handler=show_import,
        answer=views.ImportReport,
    ),
    Endpoint(
        verb="contacts imports",
        method="GET",
        path="/contacts/imports",
        role=Role.VIEWER,
        handler=list_imports,
        answer=Page[views.ImportReport],
    ),
    Endpoint(
        verb="contacts import-rows",
        method="GET",
        path="/contacts/imports/{import_id:id}/rows",
        role=Role.VIEWER,
        handler=list_import_rows,
        answer=Page[views.ImportRow],
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
        answer=views.ImportReport,
    ),
    Endpoint(
        verb="contacts confirm",
        method="POST",
        path="/contacts/imports/{import_id:id}/confirm",
        role=Role.OPERATOR,
        handler=confirm_import,
        answer=views.ImportReport,
    ),
    Endpoint(
        verb="contacts add",
        method="POST",
        path="/contacts",
        role=Role.OPERATOR,
        handler=add_contact,
        answer=views.Contact,
        status=201,
    ),
    Endpoint(
        verb="contacts show",
        method="GET",
        path="/contacts/{key:contact}",
        role=Role.VIEWER,
        handler=show_contact,
        answer=views.Contact,
    ),
    Endpoint(
        verb="contacts erase",
        method="POST",
        path="/contacts/{key:contact}/erase",
        role=Role.ADMIN,
        handler=erase_contact,
        answer=views.Erasure,
    ),
)
