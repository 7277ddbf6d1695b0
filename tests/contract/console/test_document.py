"""The API's description as a whole: examples that are true to their shapes, every error, every role, every link."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from services.console.app import make_app
from services.console.endpoints import ApiRoute
from services.console.routes import ROUTES
from services.console.routes.documents import described
from services.core.domain.access import Role
from services.core.runtime.settings import read_settings

DOCUMENT = described(make_app(read_settings()))
OPERATIONS = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}
NO_SHAPE = {"openapi_document", "documentation", "export_recipients", "export_import_rows"}
ALWAYS_POSSIBLE = {"400", "401", "403", "408", "413", "415", "422", "429", "503"}


def bodies() -> Iterator[Any]:
    """Each body of each operation, as `(what it is, its media type's description)`."""
    for name, operation in OPERATIONS.items():
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield pytest.param(content, id=f"{name} takes {kind}")
        for status, response in operation["responses"].items():
            for kind, content in response.get("content", {}).items():
                if not (status == "200" and name in NO_SHAPE):
                    yield pytest.param(content, id=f"{name} {status} {kind}")


@pytest.mark.parametrize("content", list(bodies()))
def test_a_body_has_an_example_of_its_shape(content: dict[str, Any]) -> None:
    schema = {"components": DOCUMENT["components"], **content["schema"]}
    Draft202012Validator(schema).validate(content["example"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_who_may_use_it_and_how_it_refuses(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["x-role"] in list(Role)
    assert operation["security"] == [{"token": []}]
    assert operation["description"]
    refusals = {status: response for status, response in operation["responses"].items() if int(status) >= 400}
    assert refusals.keys() >= ALWAYS_POSSIBLE
    assert {kind for response in refusals.values() for kind in response["content"]} == {"application/problem+json"}


def test_every_endpoint_is_described() -> None:
    assert set(OPERATIONS) == {route.name for route in ROUTES}


@pytest.mark.parametrize("route", [each for each in ROUTES if each.method != "GET"], ids=lambda each: each.path)
def test_every_act_takes_a_key(route: ApiRoute) -> None:
    names = [parameter["name"] for parameter in OPERATIONS[route.name]["parameters"]]
    assert "idempotency-key" in names


def test_a_link_leads_to_an_operation_and_its_parameter() -> None:
    links = [
        link
        for operation in OPERATIONS.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert len(links) > 40
    for link in links:
        target = OPERATIONS[link["operationId"]]
        assert set(link["parameters"]) <= {parameter["name"] for parameter in target["parameters"]}
