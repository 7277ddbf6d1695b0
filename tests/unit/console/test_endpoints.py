"""A route says who may use it when it is declared, or the console does not start."""

from typing import Any

import pytest

from services.console.dependencies import requires
from services.console.endpoints import ApiRoute, api_router, verb
from services.core.domain.access import Role


def handler() -> dict[str, str]:
    return {}


@pytest.mark.parametrize("dependencies", [[], [requires(Role.VIEWER), requires(Role.ADMIN)]])
def test_a_route_of_no_role_or_of_two_is_none(dependencies: list[Any]) -> None:
    with pytest.raises(ValueError, match="unpack"):
        api_router().get("/things", dependencies=dependencies, openapi_extra=verb("things list"))(handler)


def test_a_route_without_a_verb_is_none() -> None:
    with pytest.raises(KeyError, match="x-keeps-answer"):
        api_router().get("/things", dependencies=[requires(Role.VIEWER)])(handler)


def test_a_route_has_what_its_decorator_says() -> None:
    router = api_router()
    router.post("/things/{thing_id:id}/act", dependencies=[requires(Role.ADMIN)], openapi_extra=verb("things act"))(
        handler
    )
    (route,) = router.routes
    assert isinstance(route, ApiRoute)
    assert (route.role, route.verb, route.method) == (Role.ADMIN, "things act", "POST")
    assert route.path_format == "/api/v1/things/{thing_id}/act"
