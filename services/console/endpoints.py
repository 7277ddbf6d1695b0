"""How a route is declared, and what every one of them does before and after its handler."""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BeforeValidator
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from services.console import problems, shapes
from services.console.authentication import Caller, admit
from services.console.body import Takes, Upload, receive
from services.console.idempotency import once, refuse_key
from services.core.domain.access import Role
from services.core.usecases.context import Context

PREFIX = "/api/v1"
DIGITS = re.compile("[1-9][0-9]{0,18}")
PROBLEMS = {
    400: "The body can't be read",
    401: "No live token",
    403: "The token's role does not reach, or the request comes from another site's page",
    404: "There is no such thing",
    409: "The state does not allow it",
    412: "The thing was changed in between",
    413: "The body is too large",
    415: "Another content type",
    422: "The input is refused",
    503: "The database or the broker can't be reached",
}
BEARER = HTTPBearer(scheme_name="token", auto_error=False, description="An API token; roles add up.")

Handle = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route: `role` is the least that a caller needs, `answer` the shape of what `handler` returns.

    An answer that holds a secret is not kept: its route takes no idempotency key.
    """

    method: str
    path: str
    role: Role
    handler: Callable[..., Any]
    answer: Any
    status: int = 200
    takes_csv: bool = False
    keeps_answer: bool = True


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

    async def _admitted(self, request: Request, handle: Handle) -> Response:
        caller = request.state.caller = await run_in_threadpool(admit, request, needed=self.role)
        received = await receive(request, self.takes)
        try:
            if not (self.openapi_extra or {})["x-keeps-answer"]:
                refuse_key(request)
            return await once(request, caller, received.upload.digest, lambda: handle(received.request))
        finally:
            received.upload.close()


def add_endpoint(app: FastAPI, endpoint: Endpoint) -> None:
    """Serve the endpoint under `PREFIX`."""
    csv: dict[str, Any] = {"requestBody": {"required": True, "content": {Takes.CSV: {"schema": {"type": "string"}}}}}
    app.router.add_api_route(
        PREFIX + endpoint.path,
        endpoint.handler,
        methods=[endpoint.method],
        response_model=endpoint.answer,
        status_code=endpoint.status,
        operation_id=endpoint.handler.__name__,
        tags=[endpoint.path.split("/")[1]],
        responses={code: {"model": shapes.Problem, "description": text} for code, text in PROBLEMS.items()},
        dependencies=[Security(BEARER)],
        openapi_extra={"x-role": endpoint.role.value, "x-keeps-answer": endpoint.keeps_answer}
        | (csv if endpoint.takes_csv else {}),
        route_class_override=ApiRoute,
    )


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


async def _caller_name(request: Request) -> str:
    caller: Caller = request.state.caller
    return caller.name


async def _upload(request: Request) -> Upload:
    upload: Upload = request.state.upload
    return upload


def _digits(value: object) -> object:
    """An id as it is written in addresses; a reader of numbers would also take 1.0, +1 and 1_000."""
    if not isinstance(value, str) or not DIGITS.fullmatch(value):
        raise ValueError("an id is a whole number above zero")
    return value


PathId = Annotated[int, Path(ge=1, le=shapes.LARGEST_ID), BeforeValidator(_digits)]
Work = Annotated[Context, Depends(_context)]
By = Annotated[str, Depends(_caller_name)]
Csv = Annotated[Upload, Depends(_upload)]
