"""The one public way in: the provider's webhooks, and two probes. Nothing else is reachable from outside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from services.core.runtime.settings import Settings
from services.core.runtime.telemetry import span
from services.core.storage.database import DatabaseUnavailable
from services.core.usecases.accept_webhook import Acceptance, Verdict, accept_webhook
from services.core.usecases.context import Context, open_context
from services.core.usecases.product_clock import ProductClock
from services.webhook_ingress.body import BodyRefused, read_body
from services.webhook_ingress.publisher import Publisher

PATH = "/webhooks/openphone"
POOL_SIZE = 16
RETRY_AFTER = "2"


def make_app(configured: Settings) -> FastAPI:
    """The ASGI application; its connections are opened when it starts and closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context = open_context(configured.model_copy(update={"database_pool_size": POOL_SIZE}))
        publisher = Publisher(context.broker)
        app.state.context, app.state.publisher = context, publisher
        app.state.clock = ProductClock(context.database)
        publisher.start()
        yield
        await run_in_threadpool(publisher.stop)
        context.close()

    app = FastAPI(
        title="Attack-a-Crack webhook ingress", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_api_route(PATH, receive, methods=["POST"])
    app.add_api_route("/livez", live, methods=["GET"])
    app.add_api_route("/readyz", ready, methods=["GET"])
    app.add_exception_handler(HTTPException, _http_problem)
    return app


async def receive(request: Request) -> Response:
    """Verify, store and answer one delivery: 2xx only once it is committed, 503 when it can't be."""
    context: Context = request.app.state.context
    try:
        raw = await read_body(
            request, largest=context.settings.webhook_max_body, within=context.settings.webhook_body_timeout
        )
    except BodyRefused as refused:
        return problem(refused.status, refused.code, refused.detail)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
    try:
        acceptance = await run_in_threadpool(_accept, request, raw, headers)
    except DatabaseUnavailable:
        detail = "the delivery could not be stored: send it again"
        return problem(503, "not_stored", detail, headers={"retry-after": RETRY_AFTER})
    if acceptance.verdict is Verdict.UNSIGNED:
        return problem(401, "signature_invalid", f"the signature does not hold: {acceptance.reason}")
    return JSONResponse({"status": acceptance.verdict, "detail": acceptance.reason})


def _accept(request: Request, raw: bytes, headers: dict[str, str]) -> Acceptance:
    state = request.app.state
    with span("webhook.accept", parent=headers.get("traceparent")) as traceparent:
        acceptance = accept_webhook(state.context, state.clock, raw, headers, traceparent=traceparent)
    if acceptance.inbox_id is not None:
        state.publisher.publish(acceptance.inbox_id, traceparent)
    return acceptance


async def live() -> dict[str, str]:
    return {"status": "alive"}


async def ready(request: Request) -> Response:
    """Ready when a delivery could be stored. Redis is not needed: the sweep finds what was not published."""
    try:
        await run_in_threadpool(request.app.state.clock.now)
    except DatabaseUnavailable:
        return problem(503, "database_unavailable", "PostgreSQL can't be reached")
    return JSONResponse({"status": "ready"})


def problem(status: int, code: str, detail: str, *, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error in the one form that all our HTTP answers have."""
    body = {"type": "about:blank", "title": code.replace("_", " "), "status": status, "code": code, "detail": detail}
    return JSONResponse(body, status_code=status, headers=headers, media_type="application/problem+json")


async def _http_problem(_request: Request, error: Any) -> Response:
    """Starlette's own 404 and 405 in our form."""
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    return problem(error.status_code, code, f"only POST {PATH} is served here", headers=dict(error.headers or {}))
