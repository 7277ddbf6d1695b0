"""What stands before and behind each page's handler: who looks, a place to work in, and a problem as a page."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Path, Query
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console import problems
from services.console.authentication import Caller
from services.console.entrance import current_person, own_form
from services.console.pages.pulse import Pulse
from services.console.pages.rendering import problem_page
from services.console.places import Places
from services.console.problems import Problem, problem_of
from services.core.domain.access import Role
from services.core.usecases.context import Context
from services.core.usecases.operations.today import show_today
from services.core.usecases.versions import Versions
from services.core.views.today import Today
from services.core.views.values import LARGEST_ID

Result = TypeVar("Result")
SEE_OTHER = 303
TODAY = "today"


class PageRoute(APIRoute):
    """A page: whatever fails is answered as a page too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except problems.ERRORS as error:
                return problem_page(problem_of(error), request.state.request_id)

        return answer


async def _viewer(request: Request) -> Caller:
    return await current_person(request)


async def _operator(request: Request) -> Caller:
    return await current_person(request, Role.OPERATOR)


async def _admin(request: Request) -> Caller:
    return await current_person(request, Role.ADMIN)


async def _form(request: Request) -> FormData:
    return await own_form(request)


def pulse_of(request: Request) -> Pulse:
    pulse: Pulse = request.app.state.pulse
    return pulse


async def the_day(request: Request) -> Today:
    """What the bar of every page shows. Never kept waiting by other work: the bar is where one stops everything."""
    return await pulse_of(request).look(TODAY, show_today, is_urgent=True)


async def look(request: Request, verb: Callable[[Context], Result], *, is_urgent: bool = False) -> Result:
    """What a verb answers, worked on in one of the console's places."""
    places: Places = request.app.state.places
    context: Context = request.app.state.context
    async with places.take(is_urgent=is_urgent):
        return await run_in_threadpool(verb, context)


async def act(
    request: Request,
    verb: Callable[[Context], Result],
    *,
    then: Callable[[Result], str],
    refused: Callable[[Problem], Awaitable[Response]],
    is_urgent: bool = False,
) -> Response:
    """Do what a form asks for and lead to the page that shows it; a refusal is shown where the form was."""
    try:
        done = await look(request, verb, is_urgent=is_urgent)
    except problems.ERRORS as error:
        return await refused(problem_of(error))
    finally:
        pulse_of(request).forget()
    return RedirectResponse(then(done), SEE_OTHER)


def versions_in(form: FormData) -> Versions | None:
    """The version that the form was made for: what was changed since is not overwritten."""
    version = form.get("version")
    return frozenset({str(version)}) if version else None


PathId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
After = Annotated[int, Query(ge=0, le=LARGEST_ID)]
"""The last one of the page before, 0 on the first."""

Viewer = Annotated[Caller, Depends(_viewer)]
Operator = Annotated[Caller, Depends(_operator)]
Admin = Annotated[Caller, Depends(_admin)]
Form = Annotated[FormData, Depends(_form)]
