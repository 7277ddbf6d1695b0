"""A number that can't be texted is refused in one way, wherever it is asked for."""

import inspect
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from services.console.endpoints import ApiRoute
from services.console.routes import ROUTES
from tests.integration.console.acts import add_review
from tests.integration.console.conftest import RunningConsole
from tests.integration.console.test_bad_input import check_problem
from tests.tools.routes import address_of

BODIES: dict[str, dict[str, Any]] = {
    "POST /contacts": {},
    "POST /opt-outs": {"evidence": "by phone"},
    "POST /opt-outs/lift": {"evidence": "by phone"},
    "POST /jobs": {"external_id": "J-bad", "job_type": "crack"},
    "POST /reviews/{review_id}/decide": {"decision": "opt_out_other"},
}
"""What goes beside the phone in each request that has one."""
QUERIES = ("GET /messages",)
REFUSED = {
    "12": "too short",
    "911": "not textable",
    "(800) 555-0143": "not textable",
    "+44 7911 123456": "country not allowed",
    "2025550143, 2025550144": "two numbers",
    "call me": "not a number",
    " ": "missing",
}


def takes_a_phone(route: ApiRoute) -> bool:
    for parameter in inspect.signature(route.endpoint).parameters.values():
        shape = parameter.annotation
        if get_origin(shape) is Annotated:
            shape = get_args(shape)[0]
        if isinstance(shape, type) and issubclass(shape, BaseModel) and "phone" in shape.model_fields:
            return True
    return False


def test_every_request_that_takes_a_phone_is_here() -> None:
    taking = {f"{route.method} {address_of(route)}" for route in ROUTES if takes_a_phone(route)}
    assert taking == {*BODIES, *QUERIES}


@pytest.mark.parametrize("request_line", [*BODIES, *QUERIES])
def test_a_number_that_cannot_be_texted_is_refused_alike(console: RunningConsole, request_line: str) -> None:
    method, _, path = request_line.partition(" ")
    if "{review_id}" in path:
        path = path.format(review_id=add_review(console))
    for phone, why in REFUSED.items():
        if method == "GET":
            answer = console.get(path, params={"phone": phone})
        else:
            answer = console.post(path, json=BODIES[request_line] | {"phone": phone})
        check_problem(answer, 422, "number_refused", "/phone")
        assert f"no number that may be texted: {why};" in answer.json()["detail"]
        assert phone.strip() == "" or phone not in answer.json()["detail"]
