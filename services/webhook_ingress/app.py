"""The one public way in: the provider's webhooks, and two probes. Nothing else is reachable from outside.

The webhook's path is answered by plain ASGI, everything else by FastAPI, which also keeps the lifespan.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic
from typing import Any

import structlog
from fastapi import FastAPI, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from services.core.domain.failures import RefusedInput
from services.core.domain.inbox import Unstored, Verdict
from services.core.http.answers import Answer, plain, problem, refusal
from services.core.http.body import SenderGone
from services.core.openphone.signature import SIGNATURE_LISTS
from services.core.runtime import failpoints, metering, tracing
from services.core.runtime.settings import Settings
from services.core.runtime.telemetry import HTTP_SERVER, Attribute, SpanName
from services.core.storage.database import DatabaseUnavailable
from services.core.usecases.context import open_context
from services.core.usecases.instruments import NOT_STORED, WEBHOOKS
from services.webhook_ingress.body import read_body
from services.webhook_ingress.publisher import Publisher
from services.webhook_ingress.reception import POOL_SIZE, NotStored, Reception

log = structlog.get_logger()

PATH = b"/webhooks/openphone"
ROUTE: tracing.Attributes = {Attribute.HTTP_METHOD: "POST", Attribute.HTTP_ROUTE: PATH.decode()}
READY_WITHIN = timedelta(seconds=2)
RETRY_LATER = ((b"retry-after", b"2"),)


class Ingress:
    """The ASGI application; its connections are opened when it starts and closed when it ends."""

    def __init__(self, configured: Settings) -> None:
        self._settings = configured
        self._reception: Reception
        self._frame = FastAPI(
            lifespan=self._lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
        )
        self._frame.add_api_route("/livez", self._live, methods=["GET", "HEAD"])
        self._frame.add_api_route("/readyz", self._ready, methods=["GET", "HEAD"])
        self._frame.add_exception_handler(HTTPException, _refused_by_router)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["raw_path"] != PATH:
            await self._frame(scope, receive, send)
            return
        if scope["method"] != "POST":
            refusal = problem(405, "method_not_allowed", "a webhook is a POST", headers=((b"allow", b"POST"),))
            await refusal.send(send)
            return
        began = monotonic()
        headers = _one_each(scope["headers"])
        # A stranger's traceparent is linked to, never obeyed: it must not decide what we keep.
        links = [headers.get("traceparent")]
        with tracing.span(SpanName.WEBHOOK_ACCEPT, ROUTE, links=links, kind=tracing.SpanKind.SERVER) as active:
            answer = await self._answer(headers, receive, active)
            if answer is None:
                return
            active.note({Attribute.HTTP_STATUS: answer.status})
            if answer.status >= 500:
                active.fail(str(answer.status))
            metering.observe(HTTP_SERVER, monotonic() - began, "POST", str(answer.status))
        failpoints.reach("webhook_answering")
        await answer.send(send)
        failpoints.reach("webhook_answered")

    async def _answer(self, headers: dict[str, str], receive: Receive, active: tracing.ActiveSpan) -> Answer | None:
        """The answer, whatever happens; none when there is nobody left to answer."""
        try:
            return await self._receive(headers, receive, active)
        except RefusedInput as refused:
            return refusal(refused)
        except NotStored as error:
            log.warning("webhook.not_stored", reason=error.reason.value, detail=error.detail)
            metering.count(WEBHOOKS, "not_stored")
            metering.count(NOT_STORED, error.reason)
            return problem(503, "not_stored", "the delivery could not be stored: send it again", headers=RETRY_LATER)
        except SenderGone:
            return None
        except Exception:
            log.exception("webhook.failed")
            metering.count(WEBHOOKS, "not_stored")
            metering.count(NOT_STORED, Unstored.INTERNAL)
            return problem(500, "internal_error", "this is our fault: send it again")

    async def _receive(self, headers: dict[str, str], receive: Receive, active: tracing.ActiveSpan) -> Answer:
        """Verify, store and answer one delivery: 2xx only once it is committed."""
        raw = await read_body(headers, receive, largest=self._settings.webhook_max_body)
        acceptance = await self._reception.accept(raw, headers, traceparent=active.traceparent)
        active.note({Attribute.VERDICT: acceptance.verdict, Attribute.INBOX_ID: acceptance.inbox_id})
        metering.count(WEBHOOKS, acceptance.verdict)
        if acceptance.verdict is Verdict.UNSIGNED:
            log.info("webhook.unsigned", reason=acceptance.reason)
            return problem(401, "signature_invalid", f"the signature does not hold: {acceptance.reason}")
        return plain({"status": acceptance.verdict, "detail": acceptance.reason})

    @asynccontextmanager
    async def _lifespan(self, _frame: FastAPI) -> AsyncIterator[None]:
        context = open_context(self._settings.model_copy(update={"database_pool_size": POOL_SIZE}))
        publisher = Publisher(context.broker)
        publisher.start()
        async with Reception(context, publisher) as self._reception:
            yield
        await asyncio.to_thread(publisher.stop)
        context.close()

    async def _live(self) -> Response:
        return _framed(plain({"status": "alive"}))

    async def _ready(self) -> Response:
        """Ready when a delivery could be stored. Redis is not needed: the sweep finds what was not published."""
        try:
            async with asyncio.timeout(READY_WITHIN.total_seconds()):
                await self._reception.can_store()
        except (DatabaseUnavailable, TimeoutError):
            return _framed(problem(503, "database_unavailable", "PostgreSQL takes no writes", headers=RETRY_LATER))
        return _framed(plain({"status": "ready"}))


def _one_each(given: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The last header of each name; those of the signatures as one list, since a sender with several keys may."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in given:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in SIGNATURE_LISTS and name in headers else value
    return headers


def _framed(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = list(answer.headers)
    return response


async def _refused_by_router(_request: Any, error: Any) -> Response:
    """The router's own 404 and 405 in our form."""
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    allowed: Mapping[str, str] = error.headers or {}
    headers = tuple((name.lower().encode(), value.encode()) for name, value in allowed.items())
    return _framed(problem(error.status_code, code, f"only POST {PATH.decode()} is served here", headers=headers))
