"""Import: a file is read and judged row by row, and taken over when somebody has seen what it would do."""

from contextlib import closing

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.authentication import Caller
from services.console.endpoints import CsvAnswer
from services.console.pages import live
from services.console.pages.file_form import own_file_form
from services.console.pages.rendering import facts_of, live_parts, page
from services.console.pages.requests import (
    After,
    Form,
    Operator,
    PageRoute,
    PathId,
    Viewer,
    act,
    look,
    pulse_of,
    the_day,
    versions_in,
)
from services.console.problems import ERRORS, Problem, problem_of
from services.core.domain.imports import RowOutcome
from services.core.usecases.contacts import find_imports
from services.core.usecases.contacts.confirm_import import confirm_import
from services.core.usecases.contacts.discard_import import discard_import
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.usecases.versions import version_of
from services.core.views.contacts import ImportReport

LIST, TEMPLATE, PAGE = "imports.html", "import.html", "/imports"
LISTED, ROWS_SHOWN = 50, 50

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix=PAGE)


@router.get("")
async def show_all(request: Request, caller: Viewer, after: After = 0) -> Response:
    return await _list(request, caller, after=after)


@router.post("")
async def read_file(request: Request, caller: Operator) -> Response:
    try:
        form = await own_file_form(request)
    except ERRORS as error:
        return await _list(request, caller, problem_of(error))
    with closing(form.upload):
        return await act(
            request,
            lambda context: dry_run_import(context, form.file(), file_name=form.file_name, by=caller.name),
            then=lambda report: f"{PAGE}/{report.import_id}",
            refused=lambda problem: _list(request, caller, problem),
        )


@router.get("/{import_id:int}")
async def show(request: Request, caller: Viewer, import_id: PathId, after: After = 0) -> Response:
    return await _shown(request, caller, import_id, after=after)


@router.get("/{import_id:int}/live")
async def follow(request: Request, caller: Viewer, import_id: PathId) -> Response:
    async def parts() -> str:
        report = await _report(request, import_id)
        return live_parts(TEMPLATE, facts_of(request, caller, await the_day(request), report=report))

    return live.stream(request, parts)


@router.get("/{import_id:int}/refused.csv")
async def export_refused(request: Request, caller: Operator, import_id: PathId) -> Response:
    content = await look(
        request,
        lambda context: find_imports.export_import_rows(
            context, import_id, outcome=RowOutcome.REJECTED, by=caller.name
        ),
    )
    headers = {"content-disposition": f'attachment; filename="import-{import_id}-refused.csv"'}
    return CsvAnswer(content, headers=headers)


@router.post("/{import_id:int}/confirm")
async def confirm(request: Request, caller: Operator, form: Form, import_id: PathId) -> Response:
    return await act(
        request,
        lambda context: confirm_import(context, import_id, by=caller.name, versions=versions_in(form)),
        then=lambda report: f"{PAGE}/{report.import_id}",
        refused=lambda problem: _shown(request, caller, import_id, problem),
    )


@router.post("/{import_id:int}/discard")
async def discard(request: Request, caller: Operator, form: Form, import_id: PathId) -> Response:
    return await act(
        request,
        lambda context: discard_import(context, import_id, by=caller.name, versions=versions_in(form)),
        then=lambda _report: PAGE,
        refused=lambda problem: _shown(request, caller, import_id, problem),
    )


async def _report(request: Request, import_id: int) -> ImportReport:
    return await pulse_of(request).look(
        ("import", import_id), lambda context: find_imports.show_import(context, import_id)
    )


async def _list(request: Request, caller: Caller, problem: Problem | None = None, *, after: int = 0) -> Response:
    listed = await look(
        request, lambda context: find_imports.list_imports(context, after=after, limit=LISTED, newest_first=True)
    )
    facts = facts_of(request, caller, await the_day(request), imports=listed, after=after, problem=problem)
    return page(request, LIST, facts)


async def _shown(
    request: Request, caller: Caller, import_id: int, problem: Problem | None = None, *, after: int = 0
) -> Response:
    report = await _report(request, import_id)
    refused = await look(
        request,
        lambda context: find_imports.list_import_rows(
            context, import_id, outcome=RowOutcome.REJECTED, after=after, limit=ROWS_SHOWN
        ),
    )
    address = f"{PAGE}/{import_id}"
    facts = facts_of(
        request,
        caller,
        await the_day(request),
        report=report,
        refused=refused,
        after=after,
        version=version_of(report),
        live_at=f"{address}/live",
        problem=problem,
        path=address,
    )
    return page(request, TEMPLATE, facts)
