"""The console: operators' HTTP API."""

from fastapi import FastAPI

from services.core.runtime.settings import Settings


def make_app(configured: Settings) -> FastAPI:
    app = FastAPI(title=configured.installation)

    @app.get("/livez")
    @app.get("/readyz")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    return app
