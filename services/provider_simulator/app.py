"""The ASGI application of the simulator."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.provider_simulator import control, provider_messages, provider_webhooks, workspace
from services.provider_simulator.fault_replies import not_found_page
from services.provider_simulator.settings import Settings
from services.provider_simulator.simulator import Simulator


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        simulator = Simulator(settings)
        app.state.simulator = simulator
        await simulator.start()
        yield
        await simulator.stop()

    app = FastAPI(
        title="Provider simulator",
        description="The provider's API as documented, and its switches under /_simulator.",
        lifespan=lifespan,
        openapi_url="/_simulator/openapi.json",
        docs_url="/_simulator/docs",
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={404: not_found_page, 405: not_found_page},
    )
    for module in (provider_messages, provider_webhooks, workspace):
        app.include_router(module.v1)
        app.include_router(module.dated)
    app.include_router(control.router)
    return app
