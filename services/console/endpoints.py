"""How a route is declared, and what every one of them does before and after its handler."""

import inspect
import re
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Path, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.console import authentication, problems
from services.console.authentication import admit, second_person
from services.console.body import Takes, Upload, receive
from services.console.idempotency import once
from services.console.places import Places
from services.console.shapes import Problem
from services.core.domain.access import Role
from services.core.domain.failures import RefusedInput
from services.core.usecases.context import Context
from services.core.views.values import LARGEST_ID

PREFIX = "/api/v1"
URGENT = frozenset({f"{PREFIX}/sending", f"{PREFIX}/sending/stop"})
"""What is asked when something goes wrong, and must not wait behind anything."""

CONTACT_KEY = r"\+[1-9][0-9]{1,14}|[1-9][0-9]{0,17}"
PROBLEMS = {
    400: "The body can't be read",
    401: "No live token",
    403: "The token's role does not reach, or the request comes from another site's page",
    404: "There is no such thing",
    408: "The body came too slowly",
    409: "The state does not allow it",
    412: "The thing was changed in between",
    413: "The body is too large",
    415: "Another content type",
    422: "The input is refused",
    429: "Too many tokens from this address opened nothing",
    503: "The database, the broker or the provider can't be reached",
    507: "There is no room for the file",
}
ETAG = {"ETag": {"schema": {"type": "string"}, "description": "The version that was answered, for If-Match."}}
CSV = {"schema": {"type": "string"}, "example": "phone,first_name\n(202) 555-0143,Ada\n"}
BEARER = HTTPBearer(scheme_name="token", auto_error=False, description="An API token; roles add up.")


class _Id(StringConvertor):
    """An id as it is written in addresses, `{campaign_id:id}`; whatever else stands there is no address of ours."""

    regex = "[1-9][0-9]{0,18}"


class _ContactKey(StringConvertor):
    """A contact's id or number, `{key:contact}`."""

    regex = CONTACT_KEY


class _ExternalId(StringConvertor):
    """A job's external id, slashes included, `{external_id:external}`.

    It may be any text, so nothing else has an address below `/jobs/`.
    """

    regex = ".+"


register_url_convertor("external", _ExternalId())
register_url_convertor("id", _Id())
register_url_convertor("contact", _ContactKey())

Handle = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route: `role` is the least that a caller needs, `answer` the shape of what `handler` returns.

    `verb` is what the command line calls it, where it has the same. An answer that holds a secret is not kept under
    an idempotency key. `names_a_thing` says that a query or body may name what there isn't.
    """

    verb: str
    method: str
    path: str
    role: Role
    handler: Callable[..., Any]
    answer: Any
    status: int = 200
    takes_csv: bool = False
    keeps_answer: bool = True
    names_a_thing: bool = False
    kind: type[Response] = JSONResponse

    @property
    def takes(self) -> frozenset[str]:
        """The names of what the handler takes."""
        return frozenset(inspect.signature(self.handler).parameters)

    @property
    def is_tagged(self) -> bool:
        """Whether the answer has an ETag: the handler takes the response for nothing else."""
        return "response" in self.takes

    @property
    def address(self) -> str:
        """The path as the document writes it."""
        return re.sub(r":\w+}", "}", self.path)


class CsvAnswer(StreamingResponse):
    media_type = Takes.CSV


class ApiRoute(APIRoute):
    """Authenticates, reads the body, keeps the answer under its idempotency key; errors leave in one form."""

    def get_route_handler(self) -> Handle:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except problems.ERRORS as error:
                return problems.answer(request, error)

        async def guarded(request: Request) -> Response:
            try:
                return await self._admitted(request, answer)
            except problems.ERRORS as error:
                return problems.answer(request, error)

        return guarded

    @property
    def role(self) -> Role:
        return Role((self.openapi_extra or {})["x-role"])

    @property
    def takes(self) -> Takes:
        if "requestBody" in (self.openapi_extra or {}):
            return Takes.CSV
        return Takes.JSON if self.body_field is not None else Takes.NOTHING

    @property
    def is_urgent(self) -> bool:
        return self.path in URGENT

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the request holds is given back when its answer was sent, however long that takes."""
        async with AsyncExitStack() as scope.setdefault("state", {})["held"]:
            await super().handle(scope, receive, send)

    async def _admitted(self, request: Request, handle: Handle) -> Response:
        caller = request.state.caller = await admit(request, needed=self.role)
        received = await receive(request, self.takes)
        try:
            places: Places = request.app.state.places
            await request.state.held.enter_async_context(places.take(is_urgent=self.is_urgent))
            return await once(
                request,
                caller,
                received.upload.digest,
                lambda: handle(received.request),
                keeps_answer=(self.openapi_extra or {})["x-keeps-answer"],
            )
        finally:
            received.upload.close()


def add_endpoint(app: FastAPI, endpoint: Endpoint) -> None:
    """Serve the endpoint under `PREFIX`, and describe it."""
    csv: dict[str, Any] = {"requestBody": {"required": True, "content": {Takes.CSV: CSV}}} if endpoint.takes_csv else {}
    app.router.add_api_route(
        PREFIX + endpoint.path,
        endpoint.handler,
        methods=[endpoint.method],
        response_model=endpoint.answer,
        response_class=endpoint.kind,
        status_code=endpoint.status,
        operation_id=endpoint.handler.__name__,
        tags=[endpoint.verb.split()[0]],
        responses=_refusals(endpoint) | ({endpoint.status: {"headers": ETAG}} if endpoint.is_tagged else {}),
        dependencies=[Security(BEARER), *([Depends(_documented_key)] if endpoint.method != "GET" else [])],
        openapi_extra={
            "x-verb": endpoint.verb,
            "x-role": endpoint.role.value,
            "x-keeps-answer": endpoint.keeps_answer,
            **csv,
        },
        route_class_override=ApiRoute,
    )


def _refusals(endpoint: Endpoint) -> dict[int | str, dict[str, Any]]:
    """How the endpoint refuses: 404 only where the address names something, 412 only where a version may be named."""
    impossible = {
        None if "{" in endpoint.path or endpoint.names_a_thing else 404,
        None if "versions" in endpoint.takes else 412,
        None if endpoint.takes_csv else 507,
    }
    return {code: {"model": Problem, "description": PROBLEMS[code]} for code in PROBLEMS if code not in impossible}


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


async def _caller_name(request: Request) -> str:
    return (await _caller(request)).name


async def _caller(request: Request) -> authentication.Caller:
    caller: authentication.Caller = request.state.caller
    return caller


async def _context_at_provider(request: Request) -> Context:
    """The context of a console that may speak to the provider. Raises `RefusedInput` for one without a key."""
    context: Context = request.app.state.context
    if not context.settings.provider_api_key.get_secret_value():
        detail = "this console was given no key of the provider: set ATTACKACRACK_PROVIDER_API_KEY"
        raise RefusedInput("provider_key_missing", detail, status=409)
    return context


async def _upload(request: Request) -> Upload:
    upload: Upload = request.state.upload
    return upload


async def _documented_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern="^[!-~]{1,200}$", description="Makes the act happen once, however often the request is repeated."
        ),
    ] = None,
) -> None:
    """The key is read before the handler is reached; this puts it into the document."""


def _second_person(
    request: Request,
    second_authorization: Annotated[
        str | None,
        Header(pattern="^Bearer [!-~]{1,200}$", description="Bearer and the token of another person, who agrees."),
    ] = None,
) -> str | None:
    return second_person(request, second_authorization) if second_authorization is not None else None


ContactKey = Annotated[
    str,
    Path(pattern=f"^({CONTACT_KEY})$", examples=["+12025550143"], description="An id, or a number in E.164 form"),
]
PathId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
InContext = Annotated[Context, Depends(_context)]
AtProvider = Annotated[Context, Depends(_context_at_provider)]
Caller = Annotated[authentication.Caller, Depends(_caller)]
By = Annotated[str, Depends(_caller_name)]
Second = Annotated[str | None, Depends(_second_person)]
Csv = Annotated[Upload, Depends(_upload)]
