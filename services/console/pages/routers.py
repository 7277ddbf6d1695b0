"""Every page's routes, and what pages load."""

from fastapi import FastAPI

from services.console.pages import campaigns, imports, sending, static, today

ROUTERS = (today.router, sending.router, imports.router, campaigns.router)


def add_pages(app: FastAPI) -> None:
    """Serve the pages and what they load."""
    for router in (static.router, *ROUTERS):
        app.router.routes.extend(router.routes)  # each a route of the application itself, as those of the API are
