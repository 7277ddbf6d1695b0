"""What handlers depend on: who calls and with which role, the context, the upload, a second person."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header
from starlette.requests import Request

from services.console import authentication
from services.console.authentication import second_person
from services.console.body import Upload
from services.core.domain.access import Role
from services.core.domain.failures import RefusedInput
from services.core.usecases.context import Context


async def admitted(request: Request) -> authentication.Caller:
    """Who was let in. Raises `AttributeError` on a route that asks nobody who they are."""
    caller: authentication.Caller = request.state.caller
    return caller


@dataclass(frozen=True, slots=True)
class Required:
    """The least role that a route wants, checked before the body is read; to the handler it is who called."""

    role: Role

    async def __call__(self, request: Request) -> authentication.Caller:
        return await admitted(request)


def requires(role: Role) -> Any:
    """The dependency of a route that is for callers of `role`, or more."""
    return Depends(Required(role))


async def received_upload(request: Request) -> Upload:
    """The file that is the body: a route that depends on it takes CSV."""
    upload: Upload = request.state.upload
    return upload


async def _name(request: Request) -> str:
    return (await admitted(request)).name


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


async def _context_at_provider(request: Request) -> Context:
    """The context of a console that may speak to the provider. Raises `RefusedInput` for one without a key."""
    context = await _context(request)
    if not context.settings.provider_api_key.get_secret_value():
        detail = "this console was given no key of the provider: set ATTACKACRACK_PROVIDER_API_KEY"
        raise RefusedInput("provider_key_missing", detail, status=409)
    return context


def _second_person(
    request: Request,
    second_authorization: Annotated[
        str | None,
        Header(
            pattern="^(Bearer|Code) [!-~]{1,200}$",
            description="Of another person, who agrees: Bearer and a token, or Code and what `users agree` answered.",
        ),
    ] = None,
) -> str | None:
    return second_person(request, second_authorization) if second_authorization is not None else None


InContext = Annotated[Context, Depends(_context)]
AtProvider = Annotated[Context, Depends(_context_at_provider)]
Caller = Annotated[authentication.Caller, Depends(admitted)]
By = Annotated[str, Depends(_name)]
Second = Annotated[str | None, Depends(_second_person)]
Csv = Annotated[Upload, Depends(received_upload)]
