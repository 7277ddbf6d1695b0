"""What every page stands on: who looks, and that a form was made for them by a page of ours."""

from starlette.datastructures import FormData
from starlette.requests import Request

from services.console import body, sessions
from services.console.authentication import Caller, reaching, signed_in
from services.core.domain.access import Role
from services.core.domain.sign_in import HOME

ENTER = "/enter"


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
    return FormData([*await body.read_form(request, is_known=is_known)])


async def own_form(request: Request) -> FormData:
    """The fields of a form that one of our pages made for who is signed in. Raises `RefusedInput`."""
    form = await read_form(request)
    sessions.check_form(request, str(form.get(sessions.CSRF_FIELD, "")))
    return form
