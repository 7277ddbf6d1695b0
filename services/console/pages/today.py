"""Today: the page that one begins with."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.pages import live
from services.console.pages.rendering import facts_of, live_parts, page
from services.console.pages.requests import PageRoute, Viewer, the_day

TEMPLATE, LIVE = "today.html", "/live"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/")
async def show(request: Request, caller: Viewer) -> Response:
    return page(request, TEMPLATE, facts_of(request, caller, await the_day(request), live_at=LIVE))


@router.get(LIVE)
async def follow(request: Request, caller: Viewer) -> Response:
    async def parts() -> str:
        return live_parts(TEMPLATE, facts_of(request, caller, await the_day(request)))

    return live.stream(request, parts)
