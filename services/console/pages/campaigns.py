"""Campaigns: written, checked against a plan, started by the plan's hash, watched, paused and ended."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from services.console.authentication import Caller
from services.console.pages import live
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
from services.console.problems import Problem
from services.core.domain.campaigns import CampaignStatus
from services.core.domain.failures import RefusedInput
from services.core.domain.imports import ImportStatus
from services.core.usecases.campaigns import cancel, create, edit, find, pause, plan, preview, resume, start
from services.core.usecases.contacts import find_imports
from services.core.usecases.context import Context
from services.core.views.campaigns import (
    Campaign,
    EditCampaign,
    NewCampaign,
    Preview,
    PreviewCampaign,
)
from services.core.views.contacts import ImportReport

LIST, FORM, TEMPLATE, PAGE = "campaigns.html", "campaign_form.html", "campaign.html", "/campaigns"
LISTED, OFFERED = 50, 200
EVERYONE = "everyone"
FIELD = "field "
"""What a report of an import writes before the name of a column that isn't one of ours."""

Step = Callable[..., Campaign]
STEPS: dict[str, Step] = {
    "pause": pause.pause_campaign,
    "resume": resume.resume_campaign,
    "cancel": cancel.cancel_campaign,
}

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix=PAGE)


@router.get("")
async def show_all(request: Request, caller: Viewer, after: After = 0) -> Response:
    listed = await look(
        request, lambda context: find.list_campaigns(context, after=after, limit=LISTED, newest_first=True)
    )
    return page(request, LIST, facts_of(request, caller, await the_day(request), campaigns=listed, after=after))


@router.get("/new")
async def write(request: Request, caller: Operator) -> Response:
    return await _form(request, caller, given={"audience": request.query_params.get("import", "")})


@router.post("")
async def make(request: Request, caller: Operator, form: Form) -> Response:
    return await act(
        request,
        lambda context: _make(context, form, by=caller.name),
        then=_address,
        refused=lambda problem: _form(request, caller, given=_texts(form), problem=problem),
    )


@router.get("/{campaign_id:int}")
async def show(request: Request, caller: Viewer, campaign_id: PathId) -> Response:
    return await _shown(request, caller, campaign_id)


@router.get("/{campaign_id:int}/live")
async def follow(request: Request, caller: Viewer, campaign_id: PathId) -> Response:
    async def parts() -> str:
        campaign = await _campaign(request, campaign_id)
        return live_parts(TEMPLATE, facts_of(request, caller, await the_day(request), campaign=campaign))

    return live.stream(request, parts)


@router.get("/{campaign_id:int}/edit")
async def rewrite(request: Request, caller: Operator, campaign_id: PathId) -> Response:
    campaign = await _campaign(request, campaign_id)
    audience = EVERYONE if "import" not in campaign.audience else str(campaign.audience["import"])
    given = {
        "name": campaign.name,
        "template_a": campaign.template_a,
        "audience": audience,
        "version": str(campaign.version),
    }
    return await _form(request, caller, given=given, editing=campaign_id)


@router.post("/{campaign_id:int}/edit")
async def change(request: Request, caller: Operator, form: Form, campaign_id: PathId) -> Response:
    return await act(
        request,
        lambda context: _change(context, campaign_id, form, by=caller.name),
        then=_address,
        refused=lambda problem: _form(request, caller, given=_texts(form), problem=problem, editing=campaign_id),
    )


@router.post("/{campaign_id:int}/plan")
async def make_plan(request: Request, caller: Operator, form: Form, campaign_id: PathId) -> Response:
    return await act(
        request,
        lambda context: plan.plan_campaign(context, campaign_id, by=caller.name, versions=versions_in(form)),
        then=_address,
        refused=lambda problem: _shown(request, caller, campaign_id, problem),
    )


@router.post("/{campaign_id:int}/start")
async def begin(request: Request, caller: Operator, form: Form, campaign_id: PathId) -> Response:
    return await act(
        request,
        lambda context: start.start_campaign(
            context, campaign_id, plan_hash=str(form.get("plan_hash", "")), by=caller.name, versions=versions_in(form)
        ),
        then=_address,
        refused=lambda problem: _shown(request, caller, campaign_id, problem),
    )


@router.post("/{campaign_id:int}/{step}")
async def take_step(request: Request, caller: Operator, form: Form, campaign_id: PathId, step: str) -> Response:
    if step not in STEPS:
        raise RefusedInput("not_found", "there is nothing at this address", status=404)
    return await act(
        request,
        lambda context: STEPS[step](context, campaign_id, by=caller.name, versions=versions_in(form)),
        then=_address,
        refused=lambda problem: _shown(request, caller, campaign_id, problem),
    )


def _address(view: Any) -> str:
    return f"{PAGE}/{view.campaign_id}"


def _make(context: Context, form: FormData, *, by: str) -> Any:
    """A draft and its plan, so that the next page shows who gets what."""
    created = create.create_campaign(context, NewCampaign.read(**_terms(context, form)), by=by)
    return plan.plan_campaign(context, created.campaign_id, by=by)


def _change(context: Context, campaign_id: int, form: FormData, *, by: str) -> Any:
    terms = EditCampaign.read(**_terms(context, form))
    edit.edit_campaign(context, campaign_id, terms, by=by, versions=versions_in(form))
    return plan.plan_campaign(context, campaign_id, by=by)


def _terms(context: Context, form: FormData) -> dict[str, Any]:
    """What the form says, with the names of the list's own fields, which its text may use."""
    audience = str(form.get("audience", ""))
    terms: dict[str, Any] = {"name": str(form.get("name", "")).strip(), "template_a": str(form.get("template_a", ""))}
    if audience == EVERYONE:
        return terms | {"audience": {"all": True}, "fields": []}
    if not audience.isascii() or not audience.isdecimal():
        raise RefusedInput("audience_missing", "choose who gets the text", pointer="/audience")
    report = find_imports.show_import(context, int(audience))
    return terms | {"audience": {"import": int(audience)}, "fields": _fields(report)}


def _fields(report: ImportReport) -> list[str]:
    return [each.read_as.removeprefix(FIELD) for each in report.columns if each.read_as.startswith(FIELD)]


def _texts(form: FormData) -> dict[str, str]:
    return {name: str(value) for name, value in form.items()}


async def _campaign(request: Request, campaign_id: int) -> Campaign:
    return await pulse_of(request).look(
        ("campaign", campaign_id), lambda context: find.show_campaign(context, str(campaign_id))
    )


def _lists(context: Context) -> list[ImportReport]:
    listed = find_imports.list_imports(context, after=0, limit=OFFERED, newest_first=True)
    return [report for report in listed.items if report.status == ImportStatus.CONFIRMED]


async def _form(
    request: Request,
    caller: Caller,
    *,
    given: dict[str, str],
    problem: Problem | None = None,
    editing: int | None = None,
) -> Response:
    lists = await look(request, _lists)
    chosen = next((each for each in lists if str(each.import_id) == given.get("audience")), None)
    facts = facts_of(
        request,
        caller,
        await the_day(request),
        lists=lists,
        fields=_fields(chosen) if chosen is not None else [],
        given=given,
        problem=problem,
        editing=editing,
        path=PAGE,
    )
    return page(request, FORM, facts)


async def _shown(request: Request, caller: Caller, campaign_id: int, problem: Problem | None = None) -> Response:
    campaign = await _campaign(request, campaign_id)
    seen: Preview | None = None
    if campaign.status == CampaignStatus.DRAFT:
        wanted = PreviewCampaign.read(campaign_id=campaign_id)
        seen = await look(request, lambda context: preview.preview_campaign(context, wanted))
    address = f"{PAGE}/{campaign_id}"
    facts = facts_of(
        request,
        caller,
        await the_day(request),
        campaign=campaign,
        preview=seen,
        live_at=f"{address}/live" if campaign.status != CampaignStatus.DRAFT else None,
        problem=problem,
        path=address,
    )
    return page(request, TEMPLATE, facts)
