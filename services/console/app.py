"""The console: the operators' HTTP API, and two probes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.console import account, problems
from services.console.authentication import CredentialReader
from services.console.frame import Frame
from services.console.pages import routers
from services.console.pages.pulse import Pulse
from services.console.places import ORDINARY, URGENT, Places
from services.console.refusals import Refusals
from services.console.routes import ROUTES
from services.core.domain.tally import MINUTE
from services.core.runtime.settings import Settings
from services.core.storage.schema import wait_for_schema
from services.core.usecases.context import Context, open_context

POOL_SIZE = ORDINARY + URGENT + 2
"""Database connections: one for each place, one to look up callers, one for the probe."""

HASHES_WAITING = 20
"""Passwords that wait to be compared, one at a time: each takes a processor, and memory, for a moment."""

SCHEMA_LOOK = timedelta(seconds=2)


def make_app(configured: Settings) -> FastAPI:
    """The ASGI application; its connections are opened at their first use and closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context = open_context(configured.model_copy(update={"database_pool_size": POOL_SIZE}))
        app.state.context, app.state.schema_seen = context, False
        app.state.credentials, app.state.places = CredentialReader(context.database), Places()
        app.state.hashing = Places(ordinary=1, waiting=HASHES_WAITING)
        app.state.refusals = Refusals(context.database)
        app.state.pulse = Pulse(context, app.state.places)
        settling = asyncio.create_task(_settle_each_minute(app))
        yield
        settling.cancel()
        await run_in_threadpool(app.state.refusals.settle, at_end=True)
        app.state.credentials.close()
        context.close()

    app = FastAPI(
        title="Attack-a-Crack API", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_middleware(Frame)
    for error in problems.ERRORS:
        app.add_exception_handler(error, _problem)
    app.router.redirect_slashes = False
    app.add_api_route("/livez", live, include_in_schema=False)
    app.add_api_route("/readyz", ready, include_in_schema=False)
    app.router.routes.extend(ROUTES)
    account.add_pages(app)
    routers.add_pages(app)
    return app


async def _settle_each_minute(app: FastAPI) -> None:
    while True:
        await asyncio.sleep(MINUTE.total_seconds())
        await run_in_threadpool(app.state.refusals.settle)


async def live() -> dict[str, str]:
    return {"status": "alive"}


async def ready(request: Request) -> JSONResponse:
    """Ready when the database takes writes and has the schema that this release works with."""
    await run_in_threadpool(_look, request)
    return JSONResponse({"status": "ready"})


def _look(request: Request) -> None:
    """Raises one of `problems.ERRORS`. The schema is looked at until it was seen once: it only grows."""
    state = request.app.state
    context: Context = state.context
    if not state.schema_seen:
        wait_for_schema(context.settings.database_url.get_secret_value(), timeout=SCHEMA_LOOK)
        state.schema_seen = True
    context.database.check_writable()


async def _problem(request: Request, error: Exception) -> Response:
    return problems.answer(request, error)
