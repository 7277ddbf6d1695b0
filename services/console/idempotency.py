"""A request with an `Idempotency-Key` acts once: repeated, it gets the first answer again. A refusal is no act."""

import hashlib
import re
from datetime import timedelta
from http import HTTPStatus

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.console.authentication import Caller
from services.core.domain.failures import Conflict, RefusedInput
from services.core.storage import idempotency_keys
from services.core.storage.database import DatabaseUnavailable
from services.core.storage.idempotency_keys import KeyClaim
from services.core.usecases.context import Context

log = structlog.get_logger()

HEADER = "idempotency-key"
REPLAYED = "idempotency-replayed"
WITHHELD = "withheld"
KEY = re.compile(r"[!-~]{1,200}")
KEPT_HEADERS = ("content-type", "etag")
ABANDONED_AFTER = timedelta(minutes=2)  # longer than any act here takes: its process died


class Once:
    """The layer that repeats what was answered to a key; of an answer with a secret it says that it was given.

    Raises `RefusedInput` for an unusable key, `Conflict` for a key of another request or of one under way.
    """

    def __init__(self, app: ASGIApp, *, keeps_answer: bool) -> None:
        self._app = app
        self._keeps_answer = keeps_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        key = request.headers.get(HEADER)
        if key is None or request.method == "GET":
            await self._app(scope, receive, send)
            return
        if not KEY.fullmatch(key):
            raise RefusedInput("idempotency_key_invalid", "a key is 1 to 200 visible ASCII characters")
        context: Context = request.app.state.context
        digest = _fingerprint(request, request.state.upload.digest)
        claim = await run_in_threadpool(_claim, context, request.state.caller, key, digest)
        if claim.is_ours:
            answer = await self._act(context, claim, scope, receive)
        else:
            answer = _repeated(claim)
        await answer(scope, receive, send)

    async def _act(self, context: Context, claim: KeyClaim, scope: Scope, receive: Receive) -> Response:
        """What the layers below answer, whole, and kept before it is sent."""
        answer = Response()
        answer.body = b""

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status_code, answer.raw_headers = message["status"], list(message["headers"])
            else:
                answer.body += message.get("body", b"")

        try:
            await self._app(scope, receive, collect)
        except BaseException:
            await run_in_threadpool(_release, context, claim)
            raise
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            await run_in_threadpool(_release, context, claim)  # nothing was done, and what refused it may pass
        else:
            await run_in_threadpool(_keep, context, claim, answer, is_secret=not self._keeps_answer)
        return answer


def _fingerprint(request: Request, body_digest: bytes) -> bytes:
    head = (request.method, request.url.path, request.url.query, request.headers.get("if-match", ""))
    return hashlib.sha256("\0".join(head).encode() + b"\0" + body_digest).digest()


def _claim(context: Context, caller: Caller, key: str, request_hash: bytes) -> KeyClaim:
    with context.database.transaction() as session:
        claim = idempotency_keys.claim(
            session,
            token_id=caller.token_id,
            user_id=caller.user_id,
            key=key,
            request_hash=request_hash,
            abandoned_after=ABANDONED_AFTER,
        )
    if claim.request_hash != request_hash:
        raise Conflict("idempotency_key_reused", "this key was used for another request: take a new one")
    if not claim.is_ours and claim.status_code is None:
        raise Conflict("idempotency_key_in_flight", "the first request with this key is under way: ask again later")
    return claim


def _release(context: Context, claim: KeyClaim) -> None:
    try:
        with context.database.transaction() as session:
            idempotency_keys.release(session, claim.key_id)
    except DatabaseUnavailable:
        log.warning("idempotency.not_released", key_id=claim.key_id)


def _keep(context: Context, claim: KeyClaim, response: Response, *, is_secret: bool) -> None:
    """Keep the answer; when that fails the act is done all the same, and its answer is due."""
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    document = {WITHHELD: True} if is_secret else {"body": bytes(response.body).decode(), "headers": kept}
    try:
        with context.database.transaction() as session:
            idempotency_keys.answer(session, claim.key_id, status_code=response.status_code, response=document)
    except DatabaseUnavailable:
        log.warning("idempotency.not_kept", key_id=claim.key_id)


def _repeated(claim: KeyClaim) -> Response:
    kept = claim.response or {}
    if WITHHELD in kept:
        detail = "the first request with this key was answered with a secret, which is not kept: make another"
        raise Conflict("answer_not_kept", detail)
    headers = {**kept.get("headers", {}), REPLAYED: "true"}
    return Response(kept.get("body", ""), status_code=claim.status_code or 200, headers=headers)
