"""How a person gets in and out, and how they want to be let in: by links, or by a password and an authenticator.

A link is used up by the form, never by opening it: mail scanners and previews open what they find.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import urlencode

import segno
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.console import problems, sessions
from services.console.authentication import Caller, check_fresh, signed_in
from services.console.entrance import ENTER, SignInNeeded, current_person, own_form, read_form
from services.console.pages.rendering import HEADERS, TEMPLATES
from services.console.places import Places
from services.console.problems import Problem, problem_of
from services.console.refusals import Failure, Refusals, fingerprint
from services.core.domain.access import Role, may, person_key
from services.core.domain.failures import RefusedInput, TooManyAttempts
from services.core.domain.sign_in import HOME, PASSWORD_AT_LEAST, PASSWORD_AT_MOST, own_path
from services.core.runtime import origin
from services.core.storage.sign_ins import hash_secret
from services.core.usecases.context import Context
from services.core.usecases.operations.two_people import Proof
from services.core.usecases.users import find, password
from services.core.usecases.users import sessions as session_verbs
from services.core.usecases.users.agree import agree as agree_by
from services.core.usecases.users.sessions import DISABLED, EXPIRED, USED, Entered, NotEntered

ACCOUNT, AUTHENTICATOR = "/account", "/account/authenticator"
SEE_OTHER = 303
ANOTHER = "An admin makes another link: attackacrack users link NAME."
REFUSED: Mapping[str, str] = {
    "unknown": f"This link is not one of ours, or it was cut off: copy the whole of it. {ANOTHER}",
    USED: f"This link was used before. If that was not you, tell an admin at once. {ANOTHER}",
    EXPIRED: f"This link is older than ten minutes. {ANOTHER}",
    DISABLED: "You are let in no more: ask an admin.",
    password.WRONG: "Name, password and code don't belong together, or the code was used before: wait for the next.",
    password.LOCKED: f"Too many wrong codes: the password lets nobody in until another is chosen. {ANOTHER}",
}
CODE_AT_MOST = 200
ID_DIGITS = 18


class AccountRoute(APIRoute):
    """A page that stands alone: whatever fails is answered as a page too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except problems.ERRORS as error:
                return _refused(request, problem_of(error))

        return answer


router = APIRouter(route_class=AccountRoute, include_in_schema=False)


@router.get(ENTER)
async def show_entrance(request: Request) -> Response:
    asked = request.query_params
    code, wanted = asked.get("code", ""), asked.get("next", HOME)
    if not code and "again" not in asked and await signed_in(request) is not None:
        return RedirectResponse(own_path(wanted), SEE_OTHER)
    return _entrance(code[:CODE_AT_MOST], wanted)


@router.post(ENTER)
async def use_link(request: Request) -> Response:
    sessions.check_own_page(request)
    form = await read_form(request, is_known=False)
    code, wanted = str(form.get("code", "")), str(form.get("next", HOME))
    code_hash = hash_secret(code)
    refusals: Refusals = request.app.state.refusals
    try:
        refusals.check(_address(request), code_hash)
    except TooManyAttempts as wait:
        return _has_to_wait(wait, code, wanted)
    entered = await _work(request, session_verbs.enter, code_hash, address=_address(request), agent=_agent(request))
    if isinstance(entered, NotEntered):
        return await _not_let_in(request, entered, fingerprint(code_hash), wanted)
    return await _let_in(request, entered, wanted)


@router.post(f"{ENTER}/password")
async def use_password(request: Request) -> Response:
    sessions.check_own_page(request)
    form = await read_form(request, is_known=False)
    name, wanted = str(form.get("name", "")), str(form.get("next", HOME))
    refusals: Refusals = request.app.state.refusals
    account = person_key(name)
    try:
        refusals.check(_address(request), b"")
        refusals.check_account(account)
    except TooManyAttempts as wait:
        return _has_to_wait(wait, "", wanted)
    hashing: Places = request.app.state.hashing
    async with hashing.take(is_urgent=False):
        entered = await _work(
            request,
            password.enter_by_password,
            name,
            str(form.get("password", ""))[: PASSWORD_AT_MOST + 1],
            str(form.get("code", ""))[:CODE_AT_MOST],
            address=_address(request),
            agent=_agent(request),
        )
    if isinstance(entered, NotEntered):
        refusals.failed_account(account)
        return await _not_let_in(request, entered, fingerprint(hash_secret(account)), wanted)
    return await _let_in(request, entered, wanted)


@router.post("/leave")
async def leave(request: Request) -> Response:
    caller = await signed_in(request)
    if caller is not None:
        await own_form(request)
        await _end(request, caller)
    answer = RedirectResponse(ENTER, SEE_OTHER)
    sessions.drop_cookie(request, answer)
    return answer


@router.get(ACCOUNT)
async def show_account(request: Request) -> Response:
    caller = await current_person(request)
    return await _account(request, caller)


@router.post(f"{ACCOUNT}/password")
async def choose_password(request: Request) -> Response:
    caller, user_id, _ = await _person(request)
    form = await own_form(request)
    check_fresh(caller)
    given = str(form.get("password", ""))
    try:
        if given != str(form.get("repeated", "")):
            raise RefusedInput("password_differs", "the two passwords differ: type the same twice", pointer="/repeated")
        hashing: Places = request.app.state.hashing
        async with hashing.take(is_urgent=False):
            await _work(request, password.choose_password, user_id, given, name=caller.name)
    except RefusedInput as error:
        return await _account(request, caller, problem=problem_of(error))
    return RedirectResponse(AUTHENTICATOR, SEE_OTHER)


@router.get(AUTHENTICATOR)
async def show_authenticator(request: Request) -> Response:
    caller, user_id, _ = await _person(request)
    check_fresh(caller)
    return await _authenticator(request, caller, user_id)


@router.post(AUTHENTICATOR)
async def confirm_authenticator(request: Request) -> Response:
    caller, user_id, session_id = await _person(request)
    form = await own_form(request)
    check_fresh(caller)
    code = str(form.get("code", ""))[:CODE_AT_MOST]
    try:
        codes = await _work(request, password.confirm_password, user_id, code, session_id=session_id)
    except RefusedInput as error:
        return await _authenticator(request, caller, user_id, problem=problem_of(error))
    return _page("recovery_codes.html", codes=codes)


@router.post(f"{ACCOUNT}/end-session")
async def end_session(request: Request) -> Response:
    caller, _, _ = await _person(request)
    form = await own_form(request)
    chosen = str(form.get("session_id", ""))
    if not (chosen.isascii() and chosen.isdecimal()) or len(chosen) > ID_DIGITS:
        raise RefusedInput("session_id_invalid", "the session is named by its number", pointer="/session_id")
    await _work(request, session_verbs.revoke_sessions, caller.name, session_id=int(chosen), by=caller.name)
    return RedirectResponse(ACCOUNT, SEE_OTHER)


@router.post(f"{ACCOUNT}/agree")
async def agree(request: Request) -> Response:
    caller = await current_person(request, Role.OPERATOR)
    await own_form(request)
    check_fresh(caller)
    proof = Proof(session_id=caller.session_id)
    return _page("agreement.html", agreement=await _work(request, agree_by, proof, by=caller.name))


async def lead_to_entrance(_request: Request, error: Exception) -> Response:
    """The answer to `SignInNeeded`."""
    wanted = own_path(error.wanted) if isinstance(error, SignInNeeded) else HOME
    return RedirectResponse(f"{ENTER}?{urlencode({'next': wanted})}", SEE_OTHER)


def add_pages(app: FastAPI) -> None:
    app.add_exception_handler(SignInNeeded, lead_to_entrance)
    app.router.routes.extend(router.routes)  # each a route of the application itself, as those of the API are


async def _person(request: Request) -> tuple[Caller, int, int]:
    """Who looks, their id and their session's. Raises `SignInNeeded`."""
    caller = await current_person(request)
    if caller.user_id is None or caller.session_id is None:
        raise SignInNeeded(ACCOUNT)
    return caller, caller.user_id, caller.session_id


async def _work(request: Request, verb: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """What a verb answers, worked on in one of the console's places."""
    places: Places = request.app.state.places
    context: Context = request.app.state.context
    origin.come_from(_address(request))
    async with places.take(is_urgent=False):
        return await run_in_threadpool(verb, context, *given, **named)


async def _let_in(request: Request, entered: Entered, wanted: str) -> Response:
    """The session that the browser had before ends: nobody goes on in one that they were given."""
    before = await signed_in(request)
    if before is not None:
        await _end(request, before)
    answer = RedirectResponse(own_path(wanted), SEE_OTHER)
    sessions.set_cookie(request, answer, entered.secret)
    return answer


async def _not_let_in(request: Request, refused: NotEntered, shown: str, wanted: str) -> Response:
    refusals: Refusals = request.app.state.refusals
    failure = Failure(shown, refused.reason, refused.user_id, refused.name or "unknown", "user")
    await run_in_threadpool(refusals.failed, _address(request), failure)
    return _entrance("", wanted, said=REFUSED[refused.reason], status=403)


async def _end(request: Request, caller: Caller) -> None:
    if caller.user_id is not None and caller.session_id is not None:
        await _work(request, session_verbs.leave, user_id=caller.user_id, session_id=caller.session_id, by=caller.name)


def _has_to_wait(wait: TooManyAttempts, code: str, wanted: str) -> Response:
    seconds = str(wait.retry_after_seconds)
    answer = _entrance(code, wanted, said=f"Too many tries opened nothing: try again in {seconds} seconds.", status=429)
    answer.headers["retry-after"] = seconds
    return answer


async def _account(request: Request, caller: Caller, *, problem: Problem | None = None) -> Response:
    sign_in = await _work(request, password.show_sign_in, caller.user_id)
    listed = await _work(request, find.list_sessions, caller.name)
    return _page(
        "account.html",
        status=problem.status if problem is not None else 200,
        caller=caller,
        sign_in=sign_in,
        sessions=[each for each in listed.items if each.ended is None],
        csrf_token=sessions.csrf_token(request),
        problem=problem,
        at_least=PASSWORD_AT_LEAST,
        may_agree=may(caller.role, Role.OPERATOR),
    )


async def _authenticator(request: Request, caller: Caller, user_id: int, *, problem: Problem | None = None) -> Response:
    to_scan = await _work(request, password.chosen, user_id, name=caller.name)
    if to_scan is None:
        return RedirectResponse(ACCOUNT, SEE_OTHER)
    picture = segno.make(to_scan.address, error="m").svg_inline(scale=5, dark="#000", light="#fff")
    return _page(
        "authenticator.html",
        status=problem.status if problem is not None else 200,
        picture=Markup(picture),  # noqa: S704 - drawn here, of a text that is no markup
        secret=to_scan.secret,
        csrf_token=sessions.csrf_token(request),
        problem=problem,
    )


def _entrance(code: str, wanted: str, *, said: str = "", status: int = 200) -> Response:
    return _page("entrance.html", status=status, code=code, wanted=own_path(wanted), said=said)


def _refused(request: Request, problem: Problem) -> Response:
    answer = _page("refused.html", status=problem.status, problem=problem, request_id=request.state.request_id)
    answer.headers.update(problem.headers)
    return answer


def _page(template: str, *, status: int = 200, **facts: Any) -> Response:
    return HTMLResponse(TEMPLATES.get_template(template).render(facts), status, HEADERS)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")
