"""Errors in the one form that all our HTTP answers have; never with the value that was sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from services.core.domain.contacts_csv import FileRefused
from services.core.domain.failures import RefusedInput, TooManyAttempts
from services.core.http.answers import PROBLEM
from services.core.http.answers import problem as write_problem
from services.core.openphone.errors import ProviderError
from services.core.queue.enqueue import BrokerUnavailable
from services.core.queue.throttle import ThrottleUnavailable
from services.core.runtime.trace_reader import TracesUnreadable
from services.core.storage.database import DatabaseUnavailable, RowLocked
from services.core.storage.schema import SchemaNotReady, SchemaTooNew
from services.core.views.values import pointer_to

ERRORS: tuple[type[Exception], ...] = (
    RefusedInput,
    FileRefused,
    RequestValidationError,
    HTTPException,
    DatabaseUnavailable,
    BrokerUnavailable,
    ThrottleUnavailable,
    ProviderError,
    TracesUnreadable,
    SchemaNotReady,
    SchemaTooNew,
)
HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"www-authenticate": "Bearer"},
    503: {"retry-after": "2"},
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is answered instead: `code` is stable, `pointer` is a JSON pointer to the field, `detail` the remedy."""

    status: int
    code: str
    detail: str
    pointer: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


INTERNAL = Problem(500, "internal_error", "this is our fault; name the request id when you report it")


def problem_of(error: Exception) -> Problem:
    """The one table from exceptions to answers."""
    match error:
        case TooManyAttempts():
            headers = {"retry-after": str(error.retry_after_seconds)}
            return Problem(error.status, error.code, error.detail, headers=headers)
        case RefusedInput():
            return Problem(error.status, error.code, error.detail, error.pointer)
        case FileRefused():
            return Problem(error.status, error.code, str(error))
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            return _refused_by_router(error)
        case RowLocked():
            return Problem(503, "locked", "somebody works on the same right now: nothing was done, try again")
        case DatabaseUnavailable():
            return Problem(503, "database_unavailable", "PostgreSQL can't be reached: nothing was done, try again")
        case BrokerUnavailable() | ThrottleUnavailable():
            return Problem(503, "broker_unavailable", "Redis can't be reached: try again")
        case ProviderError() if error.retryable:
            return Problem(
                503, "provider_unavailable", f"the provider can't be asked ({error.reason}): try again later"
            )
        case ProviderError():
            return Problem(409, "provider_refused", f"the provider refused ({error.reason}): nothing was changed")
        case TracesUnreadable():
            return Problem(503, "traces_unavailable", f"the store of traces can't be read, {error}: try again later")
        case SchemaNotReady() | SchemaTooNew():
            return Problem(503, "schema_not_ready", "the database's schema is not the one this release works with")
        case _:
            return INTERNAL


def answer(request: Request, error: Exception) -> Response:
    """The response to a request that failed with `error`."""
    problem = problem_of(error)
    if problem.status == HTTPStatus.METHOD_NOT_ALLOWED:
        problem = replace(problem, headers={"allow": _methods(request)})
    return render(problem, request_id=request.state.request_id)


def render(problem: Problem, *, request_id: str) -> Response:
    headers = {**HEADERS.get(problem.status, {}), **problem.headers}
    answer = write_problem(problem.status, problem.code, problem.detail, pointer=problem.pointer, request_id=request_id)
    return Response(answer.body, answer.status, headers, PROBLEM)


def _methods(request: Request) -> str:
    """The methods of all routes at the request's address; each route alone knows only its own."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return ", ".join(sorted(found | ({"HEAD"} if "GET" in found else set())))


def _invalid(error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    where, *path = first["loc"]
    if where == "path":
        return Problem(404, "not_found", "there is no such thing")
    return Problem(422, f"{where}_invalid", first["msg"], pointer_to(path))


def _refused_by_router(error: HTTPException) -> Problem:
    code, detail = {
        404: ("not_found", "there is nothing at this address: /api/v1/openapi.json lists what there is"),
        405: ("method_not_allowed", "the Allow header names the methods of this address"),
    }.get(error.status_code, ("refused", "the request can't be taken"))
    return Problem(error.status_code, code, detail, headers=error.headers or {})
