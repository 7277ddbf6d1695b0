"""Who calls, and whether their role reaches: a program by its token, a person by the session of their browser.

Both are looked up by their hash at every request, so what was revoked ends at once.
"""

import asyncio
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.console import sessions
from services.console.refusals import Failure, Reach, Refusals, fingerprint
from services.core.domain.access import Role, may
from services.core.domain.failures import RefusedInput
from services.core.domain.sign_in import FRESH
from services.core.runtime import origin
from services.core.storage import sign_ins, tokens
from services.core.storage.database import Database, DatabaseUnavailable, Session
from services.core.usecases.context import Context
from services.core.usecases.operations import two_people
from services.core.usecases.users.agree import use_agreement

log = structlog.get_logger()

SCHEME, CODE_SCHEME = "bearer", "code"
TOKEN_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts: `name` stands in the audit. Either a token was shown, or a person is signed in, by a session."""

    name: str
    role: Role
    token_id: int | None = None
    user_id: int | None = None
    session_id: int | None = None
    is_fresh: bool = True
    """Whether a person has just signed in; a program shows its token with every request."""

    @property
    def key(self) -> str:
        """Tells the caller from all others, without the name: for logs, and what is kept for them."""
        return str(self.token_id) if self.token_id is not None else f"user-{self.user_id}"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows: the hash of a token, or of a session's secret."""

    digest: bytes
    is_session: bool


Found = Caller | Failure


class CredentialReader:
    """Looks up what requests show, all that wait together at once: a flood of guesses is one connection's work.

    Made, used and closed in one event loop.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "credentials")
        self._waiting: dict[asyncio.Future[Found], Shown] = {}
        self._reading: asyncio.Task[None] | None = None

    async def find(self, shown: Shown) -> Found:
        """Who is let in by it, or why nobody is. Raises `DatabaseUnavailable`."""
        found: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting[found] = shown
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
            for found, shown in asked.items():
                if found.done():
                    continue
                if error is not None:
                    found.set_exception(error)
                else:
                    found.set_result(looking.result()[shown])

    def _look_up(self, asked: Collection[Shown]) -> Mapping[Shown, Found]:
        of_tokens = [shown.digest for shown in asked if not shown.is_session]
        of_sessions = [shown.digest for shown in asked if shown.is_session]
        found: dict[Shown, Found] = {}
        stale: list[int] = []
        with self._database.reading() as session:
            if of_tokens:
                known = _holders(session, of_tokens)
                found |= {Shown(digest, is_session=False): each for digest, each in known.items()}
            if of_sessions:
                begun = sign_ins.find_known(session, of_sessions)
                found |= {Shown(digest, is_session=True): _person(digest, begun.get(digest)) for digest in of_sessions}
                stale = [each.session_id for each in begun.values() if each.ended is None and each.is_stale]
        self._touch(stale)
        return found

    def _touch(self, session_ids: Collection[int]) -> None:
        """Note that the sessions are in use. Where nothing can be written just now, a later request does."""
        if not session_ids:
            return
        try:
            with self._database.transaction() as session:
                sign_ins.touch(session, session_ids)
        except DatabaseUnavailable:
            log.warning("sessions.not_touched", sessions=len(session_ids))


class Authentication:
    """The layer that lets only callers with the `needed` role pass, before anything of their body is read."""

    def __init__(self, app: ASGIApp, *, needed: Role) -> None:
        self._app = app
        self._needed = needed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        request.state.caller = await admit(request, needed=self._needed)
        await self._app(scope, receive, send)


async def admit(request: Request, *, needed: Role) -> Caller:
    """The caller of a request that may go on: by its token if it has one, else by its session.

    Raises `RefusedInput`: 401 without a live one, 403 from another site's page or, audited, below the role.
    """
    sessions.check_origin(request)
    secret = sessions.secret_of(request)
    is_session = bool(secret) and "authorization" not in request.headers
    caller = await (_by_session(request, secret) if is_session else _by_token(request))
    return await reaching(request, caller, needed)


async def _by_session(request: Request, secret: str) -> Caller:
    """Whose session the browser shows. Raises `RefusedInput`: 401 for one that ended, 403 without its proof."""
    sessions.check_call(request, secret)
    caller = await signed_in(request)
    if caller is None:
        raise RefusedInput("session_ended", "you are not signed in any more: sign in again", status=401)
    return caller


async def _by_token(request: Request) -> Caller:
    """Whose live token the request bears. Raises `RefusedInput` (401)."""
    origin.come_from(_address(request))
    reader: CredentialReader = request.app.state.credentials
    refusals: Refusals = request.app.state.refusals
    token_hash = _bearer(request.headers.get("authorization", ""))
    refusals.check(_address(request), token_hash)
    found = await reader.find(Shown(token_hash, is_session=False))
    if isinstance(found, Failure):
        await run_in_threadpool(refusals.failed, _address(request), found)
        raise _invalid()
    refusals.worked(token_hash)
    return found


async def signed_in(request: Request) -> Caller | None:
    """The person whose browser this is; `None` when nobody is signed in with it.

    Unknown secrets are not braked: nobody finds 256 random bits, and a browser goes on showing one that has ended.
    Raises `DatabaseUnavailable`.
    """
    secret = sessions.secret_of(request)
    if not secret:
        return None
    origin.come_from(_address(request))
    reader: CredentialReader = request.app.state.credentials
    found = await reader.find(Shown(sign_ins.hash_secret(secret), is_session=True))
    return found if isinstance(found, Caller) else None


async def reaching(request: Request, caller: Caller, needed: Role) -> Caller:
    """The caller, if their role reaches. Raises `RefusedInput` (403), audited."""
    request.state.caller_id = caller.key
    if not may(caller.role, needed):
        refusals: Refusals = request.app.state.refusals
        reach = Reach(caller.name, request.method, request.scope["route"].path, needed, caller.role)
        await run_in_threadpool(refusals.refused, _address(request), reach)
        whose = "the token's" if caller.token_id is not None else "yours"
        raise RefusedInput("role_missing", f"this needs the role {needed}; {whose} is {caller.role}", status=403)
    if needed is Role.ADMIN and request.method not in sessions.SAFE_METHODS:
        check_fresh(caller)
    return caller


def check_fresh(caller: Caller) -> None:
    """Raises `RefusedInput` (403) for a person who signed in too long ago for what a borrowed browser must not do."""
    if not caller.is_fresh:
        minutes = round(FRESH / timedelta(minutes=1))
        detail = f"you signed in more than {minutes} minutes ago: sign in again at /enter?again=1, then repeat this"
        raise RefusedInput("sign_in_again", detail, status=403)


def second_person(request: Request, header: str) -> str:
    """The other person who agrees, proven by a token or a code of their own. Raises `RefusedInput`."""
    first: Caller = request.state.caller
    context: Context = request.app.state.context
    scheme, _, secret = header.partition(" ")
    by_code = scheme.lower() == CODE_SCHEME
    digest = sign_ins.hash_secret(secret.strip()) if by_code else _bearer(header)
    refusals: Refusals = request.app.state.refusals
    refusals.check(_address(request), digest)
    second = _proof_by_code(context, digest) if by_code else _proof_by_token(context, digest)
    if isinstance(second, Failure):
        refusals.failed(_address(request), second)
        raise _invalid()
    if not by_code:
        refusals.worked(digest)
    own = two_people.Proof(token_id=first.token_id, session_id=first.session_id)
    return two_people.agree_by_ids(context, own, second)


def _proof_by_token(context: Context, digest: bytes) -> two_people.Proof | Failure:
    with context.database.reading() as session:
        found = _holders(session, [digest])[digest]
    return found if isinstance(found, Failure) else two_people.Proof(token_id=found.token_id)


def _proof_by_code(context: Context, digest: bytes) -> two_people.Proof | Failure:
    return use_agreement(context, digest) or Failure(fingerprint(digest), "unknown", subject="agreement")


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _holders(session: Session, hashes: Collection[bytes]) -> dict[bytes, Found]:
    found: dict[bytes, Found] = {each: Failure(fingerprint(each), "unknown") for each in hashes}
    for row, ended in tokens.find_known(session, hashes):
        each = row.token_hash
        if ended is None:
            found[each] = Caller(row.name, Role(row.role), token_id=row.id)
        else:
            found[each] = Failure(fingerprint(each), ended, row.id, row.name)
    return found


def _person(digest: bytes, known: sign_ins.Known | None) -> Found:
    if known is None:
        return Failure(fingerprint(digest), "unknown")
    if known.ended is not None:
        return Failure(fingerprint(digest), known.ended, known.user_id, known.name)
    return Caller(
        known.name, Role(known.role), user_id=known.user_id, session_id=known.session_id, is_fresh=known.is_fresh
    )


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
