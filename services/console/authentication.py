"""Who calls, and whether their role reaches: a bearer token is looked up by its hash at every request."""

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from services.console.refusals import Failure, Reach, Refusals, fingerprint
from services.core.domain.access import Role, may
from services.core.domain.failures import RefusedInput
from services.core.runtime import origin
from services.core.storage import tokens
from services.core.storage.database import Database, Session
from services.core.usecases.context import Context
from services.core.usecases.operations import two_people

SCHEME = "bearer"
TOKEN_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """The token that a request came with; `name` is who acts in the audit."""

    token_id: int
    name: str
    role: Role


Found = Caller | Failure


class TokenReader:
    """Looks up tokens, all that wait together in one query: a flood of guesses is one connection's work.

    Made, used and closed in one event loop.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "tokens")
        self._waiting: dict[asyncio.Future[Found], bytes] = {}
        self._reading: asyncio.Task[None] | None = None

    async def find(self, token_hash: bytes) -> Found:
        """Whose live token this is, or why it is none. Raises `DatabaseUnavailable`."""
        found: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting[found] = token_hash
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        try:
            return await found
        finally:
            self._waiting.pop(found, None)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _read(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            looking = asyncio.get_running_loop().run_in_executor(self._thread, self._look_up, set(asked.values()))
            await asyncio.wait([looking])
            error = looking.exception()
            for found, token_hash in asked.items():
                if found.done():
                    continue
                if error is not None:
                    found.set_exception(error)
                else:
                    found.set_result(looking.result()[token_hash])

    def _look_up(self, hashes: Collection[bytes]) -> dict[bytes, Found]:
        with self._database.reading() as session:
            return _look_up(session, hashes)


async def admit(request: Request, *, needed: Role) -> Caller:
    """The caller of a request that may go on.

    Raises `RefusedInput`: 401 without a live token, 403 from another site's page or, audited, below the role.
    """
    _check_origin(request)
    origin.come_from(_address(request))
    reader: TokenReader = request.app.state.tokens
    token_hash = _bearer(request.headers.get("authorization", ""))
    refusals: Refusals = request.app.state.refusals
    refusals.check(_address(request), token_hash)
    caller = await reader.find(token_hash)
    if isinstance(caller, Failure):
        await run_in_threadpool(refusals.failed, _address(request), caller)
        raise _invalid()
    refusals.worked(token_hash)
    request.state.caller_id = caller.token_id
    if not may(caller.role, needed):
        reach = Reach(caller.name, request.method, request.scope["route"].path, needed, caller.role)
        await run_in_threadpool(refusals.refused, _address(request), reach)
        raise RefusedInput("role_missing", f"this needs the role {needed}; the token's is {caller.role}", status=403)
    return caller


def second_person(request: Request, header: str) -> str:
    """The other person who agrees, proven by a token of their own. Raises `RefusedInput`."""
    first: Caller = request.state.caller
    context: Context = request.app.state.context
    token_hash = _bearer(header)
    refusals: Refusals = request.app.state.refusals
    refusals.check(_address(request), token_hash)
    with context.database.reading() as session:
        second = _look_up(session, [token_hash])[token_hash]
    if isinstance(second, Failure):
        refusals.failed(_address(request), second)
        raise _invalid()
    refusals.worked(token_hash)
    return two_people.agree_by_ids(context, first.token_id, second.token_id)


def _check_origin(request: Request) -> None:
    """A browser names the page that makes it act; pages of other hosts make nobody act here."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise RefusedInput("origin_refused", "requests from other sites' pages are refused", status=403)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _look_up(session: Session, hashes: Collection[bytes]) -> dict[bytes, Found]:
    found: dict[bytes, Found] = {each: Failure(fingerprint(each), "unknown") for each in hashes}
    for row, ended in tokens.find_known(session, hashes):
        each = row.token_hash
        if ended is None:
            found[each] = Caller(row.id, row.name, Role(row.role))
        else:
            found[each] = Failure(fingerprint(each), ended, row.id, row.name)
    return found


def _bearer(header: str) -> bytes:
    """The hash of the token in a header. Raises `RefusedInput`."""
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != SCHEME or not token:
        raise RefusedInput("token_missing", "send the header Authorization: Bearer and your token", status=401)
    if len(token) > TOKEN_AT_MOST:
        raise _invalid()
    return tokens.hash_token(token)


def _invalid() -> RefusedInput:
    detail = "the token is unknown, revoked or expired: ask an admin for another"
    return RefusedInput("token_invalid", detail, status=401)
