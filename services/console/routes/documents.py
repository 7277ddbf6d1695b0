"""The API's own description: for programs, and for people as a page without scripts. Both need a token."""

from collections.abc import Iterator
from html import escape
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, JSONResponse

from services.console.endpoints import Endpoint
from services.console.shapes import Problem, example_of
from services.core.domain.access import Role
from services.core.http.answers import PROBLEM

JSON = "application/json"


def openapi_document(request: Request) -> JSONResponse:
    """This description, as OpenAPI."""
    return JSONResponse(described(request.app))


def documentation(request: Request) -> HTMLResponse:
    """This description, as a page."""
    rows = "".join(_rows(described(request.app)))
    title = escape(request.app.title)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1><table>'
        f"<tr><th>Method<th>Address<th>Role<th>What it does</tr>{rows}</table></html>"
    )


def described(app: FastAPI) -> dict[str, Any]:
    """The whole document: problems with their own content type, an example of every body, links between operations."""
    document = app.openapi()
    routes = {route.operation_id: route for route in app.routes if isinstance(route, APIRoute)}
    for _, _, operation in _operations(document):
        route = routes[operation["operationId"]]
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if int(status) >= HTTPStatus.BAD_REQUEST:
                (problem,) = content.values()
                response["content"] = {PROBLEM: problem | {"example": example_of(Problem)}}
            elif route.response_model is not None:
                content[JSON]["example"] = example_of(route.response_model)
        taken = operation.get("requestBody", {}).get("content", {}).get(JSON)
        if taken is not None and route.body_field is not None:
            taken["example"] = example_of(route.body_field.field_info.annotation)
    for schema in document["components"]["schemas"].values():
        schema.pop("example", None)
    _link(document)
    return document


def _link(document: dict[str, Any]) -> None:
    """Lead from each answer that has an id to every operation that takes it in its address."""
    takers = [
        (parameter["name"], operation["operationId"])
        for _, _, operation in _operations(document)
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "path"
    ]
    for _, _, operation in _operations(document):
        for response in operation["responses"].values():
            shown = response.get("content", {}).get(JSON, {}).get("example") or {}
            place, fields = ("/items/0", shown["items"][0]) if "items" in shown else ("", shown)
            links = {
                name: {"operationId": name, "parameters": {parameter: f"$response.body#{place}/{parameter}"}}
                for parameter, name in takers
                if parameter in fields
            }
            response.update({"links": links} if links else {})


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
    Endpoint(
        verb="docs", method="GET", path="/docs", role=Role.VIEWER, handler=documentation, answer=None, kind=HTMLResponse
    ),
)
