"""People: import them from a file in two steps, add one, look at one, forget one."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field

from services.console.cursors import page_of
from services.console.dependencies import By, Csv, InContext, requires
from services.console.endpoints import ContactKey, CsvAnswer, PathId, api_router, verb
from services.console.shapes import ListQuery, Page, PageQuery, StrictQuery
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

router = api_router()


class ImportQuery(StrictQuery):
    file_name: str = Field(default="upload.csv", max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")


class ImportRowsQuery(PageQuery):
    outcome: RowOutcome | None = Field(default=None, description="Only rows with this outcome")


class ImportRowsExportQuery(StrictQuery):
    outcome: RowOutcome | None = Field(default=None, description="Only rows with this outcome")


@router.get("/contacts", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("contacts list"))
def list_contacts(context: InContext, request: Request, query: Annotated[PageQuery, Query()]) -> Page[views.Contact]:
    """Contacts, oldest first."""
    return page_of(request, query, lambda after, limit: find.list_contacts(context, after=after, limit=limit))


@router.post(
    "/contacts/imports", status_code=201, dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("contacts import")
)
def import_contacts_file(
    context: InContext, by: By, upload: Csv, query: Annotated[ImportQuery, Query()], response: Response
) -> views.ImportReport:
    """Read a CSV file and say what it would do; the confirmation does it."""
    return tagged(response, dry_run.dry_run_import(context, upload.chunks(), file_name=query.file_name, by=by))


@router.get(
    "/contacts/imports/{import_id:id}", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("contacts show-import")
)
def show_import(context: InContext, import_id: PathId, response: Response) -> views.ImportReport:
    """The report of a dry run or of an import."""
    return tagged(response, find_imports.show_import(context, import_id))


@router.get("/contacts/imports", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("contacts imports"))
def list_imports(
    context: InContext, request: Request, query: Annotated[ListQuery, Query()]
) -> Page[views.ImportReport]:
    """Imports, oldest first unless told otherwise."""
    return page_of(
        request,
        query,
        lambda after, limit: find_imports.list_imports(
            context, after=after, limit=limit, newest_first=query.newest_first
        ),
    )


@router.get(
    "/contacts/imports/{import_id:id}/rows",
    dependencies=[requires(Role.VIEWER)],
    openapi_extra=verb("contacts import-rows"),
)
def list_import_rows(
    context: InContext, request: Request, import_id: PathId, query: Annotated[ImportRowsQuery, Query()]
) -> Page[views.ImportRow]:
    """Each row of the file with what became of it; of a refused one also where it is wrong, and what stood there."""
    return page_of(
        request,
        query,
        lambda after, limit: find_imports.list_import_rows(
            context, import_id, outcome=query.outcome, after=after, limit=limit
        ),
    )


@router.get(
    "/contacts/imports/{import_id:id}/rows/export",
    response_class=CsvAnswer,
    dependencies=[requires(Role.OPERATOR)],
    openapi_extra=verb("contacts import-rows"),
)
def export_import_rows(
    context: InContext, by: By, import_id: PathId, query: Annotated[ImportRowsExportQuery, Query()]
) -> CsvAnswer:
    """The rows as CSV, in which no spreadsheet finds a formula; who took them is recorded."""
    headers = {"content-disposition": f'attachment; filename="import-{import_id}-rows.csv"'}
    return CsvAnswer(find_imports.export_import_rows(context, import_id, outcome=query.outcome, by=by), headers=headers)


@router.post(
    "/contacts/imports/{import_id:id}/discard",
    dependencies=[requires(Role.OPERATOR)],
    openapi_extra=verb("contacts discard-import"),
)
def discard_import(
    context: InContext, by: By, import_id: PathId, response: Response, versions: Versions
) -> views.ImportReport:
    """Let a dry run never be confirmed; a repeat changes nothing."""
    return tagged(response, discard.discard_import(context, import_id, by=by, versions=versions))


@router.post(
    "/contacts/imports/{import_id:id}/confirm",
    dependencies=[requires(Role.OPERATOR)],
    openapi_extra=verb("contacts confirm"),
)
def confirm_import(
    context: InContext, by: By, import_id: PathId, response: Response, versions: Versions
) -> views.ImportReport:
    """Take a dry run over; once, however often it is confirmed. The answer says what was done to each row now."""
    return tagged(response, confirm.confirm_import(context, import_id, by=by, versions=versions))


@router.post("/contacts", status_code=201, dependencies=[requires(Role.OPERATOR)], openapi_extra=verb("contacts add"))
def add_contact(context: InContext, by: By, new: views.NewContact, response: Response) -> views.Contact:
    """Make one contact by hand."""
    return tagged(response, add.add_contact(context, new, by=by))


@router.get("/contacts/{key:contact}", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("contacts show"))
def show_contact(context: InContext, key: ContactKey, response: Response) -> views.Contact:
    """One contact, and whether it may be texted."""
    return tagged(response, find.find_contact(context, key))


@router.post("/contacts/{key:contact}/erase", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("contacts erase"))
def erase_contact(
    context: InContext, by: By, key: ContactKey, wanted: views.Erase, versions: Versions
) -> views.Erasure:
    """Forget a person for good; a hash of the number stays, so that a STOP stays in force."""
    return erase.erase_contact(context, key, wanted, by=by, versions=versions)
