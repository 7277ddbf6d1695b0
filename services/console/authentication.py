"""Who calls, and whether their role reaches: a bearer token is looked up by its hash at every request."""

from dataclasses import dataclass

from starlette.requests import Request

from services.core.domain.access import Role, may
from services.core.domain.failures import RefusedInput
from services.core.storage import audit, tokens
from services.core.usecases.context import Context

SCHEME = "bearer"
TOKEN_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """The token that a request came with; `name` is who acts in the audit."""

    token_id: int
    name: str
    role: Role


def admit(request: Request, *, needed: Role) -> Caller:
    """The caller of a request that may go on.

    Raises `RefusedInput`: 401 without a live token, 403 from another site's page or, audited, below the role.
    """
    context: Context = request.app.state.context
    _check_origin(request)
    caller = _authenticate(context, request.headers.get("authorization", ""))
    request.state.caller_id = caller.token_id
    if not may(caller.role, needed):
        _record_refusal(context, request, caller, needed)
        raise RefusedInput("role_missing", f"this needs the role {needed}; the token's is {caller.role}", status=403)
    return caller


def second_person(request: Request, header: str) -> str:
    """The name of the other person who agrees, proven by a token of their own. Raises `RefusedInput`."""
    first: Caller = request.state.caller
    second = _authenticate(request.app.state.context, header)
    if second.token_id == first.token_id or not may(second.role, Role.OPERATOR):
        detail = "who agrees is another person than who acts, and an operator at least"
        raise RefusedInput("second_person_refused", detail, status=403)
    return second.name


def _check_origin(request: Request) -> None:
    """A browser names the page that makes it act; pages of other hosts make nobody act here."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise RefusedInput("origin_refused", "requests from other sites' pages are refused", status=403)


def _authenticate(context: Context, header: str) -> Caller:
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != SCHEME or not token:
        raise RefusedInput("token_missing", "send the header Authorization: Bearer and your token", status=401)
    with context.database.reading() as session:
        found = tokens.find_live(session, token) if len(token) <= TOKEN_AT_MOST else None
    if found is None:
        raise RefusedInput(
            "token_invalid", "the token is unknown, revoked or expired: ask an admin for another", status=401
        )
    return Caller(found.id, found.name, Role(found.role))


def _record_refusal(context: Context, request: Request, caller: Caller, needed: Role) -> None:
    detail = {"method": request.method, "route": request.scope["route"].path, "needed": needed, "role": caller.role}
    with context.database.transaction() as session:
        audit.record(session, actor=caller.name, act="access.refused", subject="api", detail=detail)
