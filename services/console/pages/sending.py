"""The switch for everything that is sent: stopped from any page, resumed by an admin."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.authentication import Caller
from services.console.pages import live
from services.console.pages.rendering import facts_of, live_parts, page
from services.console.pages.requests import Admin, Form, Operator, PageRoute, Viewer, act, the_day
from services.console.problems import Problem
from services.core.usecases.operations import sending
from services.core.views.installation import StopSending

TEMPLATE, PAGE, LIVE = "sending.html", "/sending", "/sending/live"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PAGE)
async def show(request: Request, caller: Viewer) -> Response:
    return await _shown(request, caller)


@router.get(LIVE)
async def follow(request: Request, caller: Viewer) -> Response:
    async def parts() -> str:
        return live_parts(TEMPLATE, facts_of(request, caller, await the_day(request)))

    return live.stream(request, parts)


@router.post("/sending/stop")
async def stop(request: Request, caller: Operator, form: Form) -> Response:
    return await act(
        request,
        lambda context: sending.stop_sending(
            context, reason=StopSending.read(reason=str(form.get("reason", "")).strip()).reason, by=caller.name
        ),
        then=lambda _state: PAGE,
        refused=lambda problem: _shown(request, caller, problem),
        is_urgent=True,
    )


@router.post("/sending/resume")
async def resume(request: Request, caller: Admin, _form: Form) -> Response:
    return await act(
        request,
        lambda context: sending.resume_sending(context, by=caller.name),
        then=lambda _state: PAGE,
        refused=lambda problem: _shown(request, caller, problem),
        is_urgent=True,
    )


async def _shown(request: Request, caller: Caller, problem: Problem | None = None) -> Response:
    return page(
        request, TEMPLATE, facts_of(request, caller, await the_day(request), live_at=LIVE, problem=problem, path=PAGE)
    )
