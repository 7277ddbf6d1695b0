"""The API's own description: for programs, and for people as a page without scripts. Both need a token."""

from collections.abc import Iterator
from html import escape
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, JSONResponse

from services.console.body import Takes
from services.console.dependencies import requires
from services.console.endpoints import PROBLEMS, ApiRoute, api_router, verb
from services.console.shapes import Problem, example_of
from services.core.domain.access import Role
from services.core.http.answers import PROBLEM

router = api_router()

JSON = "application/json"
ETAG = {"ETag": {"schema": {"type": "string"}, "description": "The version that was answered, for If-Match."}}
CSV = {"schema": {"type": "string"}, "example": "phone,first_name\n(202) 555-0143,Ada\n"}
KEY = {
    "name": "idempotency-key",
    "in": "header",
    "required": False,
    "description": "Makes the act happen once, however often the request is repeated.",
    "schema": {
        "anyOf": [{"type": "string", "pattern": "^[!-~]{1,200}$"}, {"type": "null"}],
        "title": "Idempotency-Key",
        "description": "Makes the act happen once, however often the request is repeated.",
    },
}


@router.get("/openapi.json", dependencies=[requires(Role.VIEWER)], openapi_extra=verb("openapi"))
def openapi_document(request: Request) -> JSONResponse:
    """This description, as OpenAPI."""
    return JSONResponse(described(request.app))


@router.get("/docs", response_class=HTMLResponse, dependencies=[requires(Role.VIEWER)], openapi_extra=verb("docs"))
def documentation(request: Request) -> HTMLResponse:
    """This description, as a page."""
    rows = "".join(_rows(described(request.app)))
    title = escape(request.app.title)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1><table>'
        f"<tr><th>Method<th>Address<th>Role<th>What it does</tr>{rows}</table></html>"
    )


def described(app: FastAPI) -> dict[str, Any]:
    """The whole document: what the layers of a route take and refuse, an example of every body, links between
    operations.
    """
    document = app.openapi()
    routes = {route.name: route for route in app.routes if isinstance(route, ApiRoute)}
    for _, _, operation in _operations(document):
        route = routes[operation["operationId"]]
        _describe_layers(route, operation)
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


def _describe_layers(route: ApiRoute, operation: dict[str, Any]) -> None:
    """Say what is settled before the handler: role, key, file, version, and the refusals that not every route has."""
    operation["x-role"] = route.role.value
    operation["tags"] = [route.verb.split()[0]]
    answers = operation["responses"]
    if route.method != "GET" and KEY not in operation.setdefault("parameters", []):
        operation["parameters"].append(KEY)
    if route.is_tagged:
        answers[str(route.status_code or HTTPStatus.OK.value)]["headers"] = ETAG
    if route.takes is Takes.CSV:
        operation["requestBody"] = {"required": True, "content": {Takes.CSV: CSV}}
    possible = {404: "{" in route.path, 412: route.takes_version, 507: route.takes is Takes.CSV}
    for code in (code for code, is_possible in possible.items() if is_possible):
        answers[str(code)] = {"description": PROBLEMS[code], "content": dict(answers["401"]["content"])}


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
