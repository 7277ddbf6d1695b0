"""How a person gets in and out: the page behind a one-time link, and what every page stands on to know who looks.

A link is used up by the form, never by opening it: mail scanners and previews open what they find.
"""

from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.console import sessions
from services.console.authentication import Caller, reaching, signed_in
from services.console.body import Takes, receive
from services.console.places import Places
from services.console.refusals import Failure, Refusals, fingerprint
from services.core.domain.access import Role
from services.core.domain.failures import TooManyAttempts
from services.core.domain.sign_in import HOME, own_path
from services.core.runtime import origin
from services.core.storage.sign_ins import hash_secret
from services.core.usecases.context import Context
from services.core.usecases.users.sessions import DISABLED, EXPIRED, USED, Entered, NotEntered, enter, leave

ENTER, LEAVE = "/enter", "/leave"
HEADERS = {
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    # with no-referrer a browser would name no origin for our own forms
    "referrer-policy": "same-origin",
}
REFUSED: Mapping[str, str] = {
    "unknown": "This link is not one of ours, or it was cut off: copy the whole of it.",
    USED: "This link was used before. If that was not you, tell an admin at once.",
    EXPIRED: "This link is older than ten minutes.",
    DISABLED: "You are let in no more.",
}
ANOTHER = "An admin makes another: attackacrack users link NAME."
CODE_AT_MOST = 200


class SignInNeeded(Exception):
    """Nobody is signed in: the browser is led to where one signs in, and from there back to `wanted`."""

    def __init__(self, wanted: str) -> None:
        super().__init__("nobody is signed in")
        self.wanted = wanted


async def current_person(request: Request, needed: Role = Role.VIEWER) -> Caller:
    """Who looks at a page. Raises `SignInNeeded`, or `RefusedInput` (403, audited) below the role."""
    caller = await signed_in(request)
    if caller is None:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInNeeded(wanted if request.method in sessions.SAFE_METHODS else HOME)
    request.state.caller = caller
    return await reaching(request, caller, needed)


async def read_form(request: Request, *, is_known: bool = True) -> FormData:
    """A form's fields, within the limits of any other body; files are none of its kind. Raises `RefusedInput`."""
    received = await receive(request, Takes.FORM, is_known=is_known)
    received.upload.close()
    return FormData(await received.request.json())


async def own_form(request: Request) -> FormData:
    """The fields of a form that one of our pages made for who is signed in. Raises `RefusedInput`."""
    form = await read_form(request)
    sessions.check_form(request, str(form.get(sessions.CSRF_FIELD, "")))
    return form


async def show_entrance(request: Request) -> Response:
    code, wanted = request.query_params.get("code", ""), request.query_params.get("next", HOME)
    if not code and await signed_in(request) is not None:
        return RedirectResponse(own_path(wanted), 303)
    return _entrance(code[:CODE_AT_MOST], wanted)


async def use_entrance(request: Request) -> Response:
    sessions.check_own_page(request)
    form = await read_form(request, is_known=False)
    code, wanted = str(form.get("code", "")), str(form.get("next", HOME))
    address = request.client.host if request.client is not None else ""
    code_hash = hash_secret(code)
    refusals: Refusals = request.app.state.refusals
    try:
        refusals.check(address, code_hash)
    except TooManyAttempts as wait:
        said = f"Too many links from your address opened nothing: try again in {wait.retry_after_seconds} seconds."
        return _entrance(code, wanted, said=said, status=wait.status, retry_after=wait.retry_after_seconds)
    origin.come_from(address)
    context: Context = request.app.state.context
    agent = request.headers.get("user-agent", "")
    places: Places = request.app.state.places
    async with places.take(is_urgent=False):
        found = await run_in_threadpool(enter, context, code_hash, address=address, agent=agent)
    if isinstance(found, NotEntered):
        failure = Failure(fingerprint(code_hash), found.reason, found.user_id, found.name or "unknown", "user")
        await run_in_threadpool(refusals.failed, address, failure)
        return _entrance("", wanted, said=f"{REFUSED[found.reason]} {ANOTHER}", status=403)
    return await _let_in(request, found, own_path(wanted))


async def _let_in(request: Request, entered: Entered, to: str) -> Response:
    """The session that the browser had before ends: nobody goes on in one that they were given."""
    before = await signed_in(request)
    if before is not None:
        await _end(request, before)
    answer = RedirectResponse(to, 303)
    sessions.set_cookie(request, answer, entered.secret)
    return answer


async def leave_by(request: Request) -> Response:
    caller = await signed_in(request)
    if caller is not None:
        await own_form(request)
        await _end(request, caller)
    answer = RedirectResponse(ENTER, 303)
    sessions.drop_cookie(request, answer)
    return answer


async def lead_to_entrance(_request: Request, error: Exception) -> Response:
    """The answer to `SignInNeeded`."""
    wanted = own_path(error.wanted) if isinstance(error, SignInNeeded) else HOME
    return RedirectResponse(f"{ENTER}?{urlencode({'next': wanted})}", 303)


def add_pages(app: FastAPI) -> None:
    app.add_exception_handler(SignInNeeded, lead_to_entrance)
    for path, method, handler in (
        (ENTER, "GET", show_entrance),
        (ENTER, "POST", use_entrance),
        (LEAVE, "POST", leave_by),
    ):
        app.add_api_route(path, handler, methods=[method], include_in_schema=False, response_model=None)


async def _end(request: Request, caller: Caller) -> None:
    context: Context = request.app.state.context
    if caller.user_id is None or caller.session_id is None:
        return
    await run_in_threadpool(leave, context, user_id=caller.user_id, session_id=caller.session_id, by=caller.name)


def _entrance(code: str, wanted: str, *, said: str = "", status: int = 200, retry_after: int | None = None) -> Response:
    field = (
        f'<input type="hidden" name="code" value="{escape(code)}">'
        if code
        else '<p><label>The code of your link <input name="code" autocomplete="off" required></label>'
    )
    page = (
        '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">'
        "<title>Sign in - Attack-a-Crack</title><h1>Sign in</h1>"
        + (f'<p role="alert">{escape(said)}' if said else "")
        + f'<form method="post" action="{ENTER}">{field}'
        f'<input type="hidden" name="next" value="{escape(own_path(wanted))}"><p><button>Enter</button></form></html>'
    )
    headers = HEADERS | ({"retry-after": str(retry_after)} if retry_after is not None else {})
    return HTMLResponse(page, status, headers)
