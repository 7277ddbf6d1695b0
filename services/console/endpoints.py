"""What every route of the API is: FastAPI's own, behind layers that settle who calls and the body first (ADR 0019)."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.console.authentication import Authentication
from services.console.body import Body, Takes
from services.console.dependencies import Required, received_upload
from services.console.idempotency import Once
from services.console.places import Placed
from services.console.shapes import Problem
from services.console.versions import named_versions
from services.core.domain.access import Role
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
NOT_EVERYWHERE = frozenset({404, 412, 507})
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


class CsvAnswer(StreamingResponse):
    media_type = Takes.CSV


class ApiRoute(APIRoute):
    """A route behind its layers: who calls, the body, a place to work, the idempotency key.

    FastAPI reads a body before it solves dependencies; a layer of the whole application does not know the route. So
    the route itself wraps what FastAPI makes of it, and each layer answers or passes on as any ASGI application does.
    """

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        once = Once(super().handle, keeps_answer=self.described["x-keeps-answer"])
        body = Body(Placed(once, is_urgent=path in URGENT), takes=self.takes)
        self._guarded = Authentication(body, needed=self.role)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; a wrong method is refused as everywhere, whoever calls."""
        serve = self._guarded if scope["method"] == self.method else super().handle
        await serve(scope, receive, send)

    @property
    def described(self) -> dict[str, Any]:
        """What `verb` says of the route."""
        return self.openapi_extra or {}

    @property
    def verb(self) -> str:
        """What the command line calls it, where it has the same."""
        name: str = self.described["x-verb"]
        return name

    @property
    def method(self) -> str:
        return next(iter(self.methods or ()))  # of which a decorator names one

    @property
    def role(self) -> Role:
        """The least that a caller needs. Raises `ValueError` for a route that does not say so, or not once."""
        (needed,) = [each.dependency.role for each in self.dependencies if isinstance(each.dependency, Required)]
        return needed

    @property
    def takes(self) -> Takes:
        if self._depends_on(received_upload):
            return Takes.CSV
        return Takes.JSON if self.body_field is not None else Takes.NOTHING

    @property
    def takes_version(self) -> bool:
        return self._depends_on(named_versions)

    @property
    def is_tagged(self) -> bool:
        """Whether the answer has an ETag: a handler takes the response for nothing else."""
        return self.dependant.response_param_name is not None

    def _depends_on(self, call: Any) -> bool:
        return any(each.call is call for each in self.dependant.dependencies)


def api_router() -> APIRouter:
    """The router of one noun: `@router.get("/things/{thing_id:id}", dependencies=[requires(...)], ...)`."""
    return APIRouter(
        prefix=PREFIX,
        route_class=ApiRoute,
        dependencies=[Security(BEARER)],
        responses={code: refusal(code) for code in PROBLEMS if code not in NOT_EVERYWHERE},
        generate_unique_id_function=lambda route: route.name,
    )


def verb(name: str, *, keeps_answer: bool = True) -> dict[str, Any]:
    """What the document says of a route beyond OpenAPI, and the command line calls it.

    An answer that holds a secret is not kept under an idempotency key.
    """
    return {"x-verb": name, "x-keeps-answer": keeps_answer}


def refusal(code: int) -> dict[str, Any]:
    """How the document describes a refusal."""
    return {"model": Problem, "description": PROBLEMS[code]}


ContactKey = Annotated[
    str,
    Path(pattern=f"^({CONTACT_KEY})$", examples=["+12025550143"], description="An id, or a number in E.164 form"),
]
PathId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
