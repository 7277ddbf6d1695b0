"""The API's own description: for programs, and for people as a page without scripts. Both need a token."""

from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import Request
from starlette.responses import HTMLResponse, JSONResponse

from services.console.endpoints import Endpoint
from services.console.problems import MEDIA_TYPE
from services.core.domain.access import Role


def openapi_document(request: Request) -> JSONResponse:
    """This description, as OpenAPI."""
    return JSONResponse(_described(request.app.openapi()))


def documentation(request: Request) -> HTMLResponse:
    """This description, as a page."""
    rows = "".join(_rows(request.app.openapi()))
    title = escape(request.app.title)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1><table>'
        f"<tr><th>Method<th>Address<th>Role<th>What it does</tr>{rows}</table></html>"
    )


def _described(document: dict[str, Any]) -> dict[str, Any]:
    """The document with problems under the content type that they have."""
    for _, _, operation in _operations(document):
        for status, response in operation["responses"].items():
            if int(status) >= 400 and "application/json" in response["content"]:
                response["content"][MEDIA_TYPE] = response["content"].pop("application/json")
    return document


def _rows(document: dict[str, Any]) -> Iterator[str]:
    for path, method, operation in _operations(document):
        cells = (method.upper(), path, operation["x-role"], operation["description"])
        yield f"<tr>{''.join(f'<td>{escape(cell)}' for cell in cells)}</tr>"


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


ENDPOINTS = (
    Endpoint(
        verb="openapi", method="GET", path="/openapi.json", role=Role.VIEWER, handler=openapi_document, answer=None
    ),
    Endpoint(verb="docs", method="GET", path="/docs", role=Role.VIEWER, handler=documentation, answer=None),
)
