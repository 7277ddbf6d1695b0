"""Every page's routes, and what pages load."""

from fastapi import FastAPI

from services.console.pages import campaigns, imports, sending, static, today

ROUTERS = (today.router, sending.router, imports.router, campaigns.router)


def add_pages(app: FastAPI) -> None:
    """Serve the pages and what they load."""
    app.include_router(static.router)
    for router in ROUTERS:
        app.include_router(router)
