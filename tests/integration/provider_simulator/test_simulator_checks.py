"""The order of checks, the three error shapes, the rate limit."""

import time

import httpx
import pytest

from tests.tools.simulator import DATED, RunningSimulator
from tests.tools.waiting import wait_until

KEY = {"Authorization": "key-of-a-test"}


def get(simulator: RunningSimulator, path: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.get(simulator.url + path, headers=headers, trust_env=False)


@pytest.mark.parametrize("path", ["/v1/nothing", "/nothing", "/v1/messages/AC1/nothing"])
def test_an_unknown_route_is_a_page_even_without_a_key(simulator: RunningSimulator, path: str) -> None:
    reply = get(simulator, path, {})
    assert reply.status_code == 404
    assert reply.headers["content-type"].startswith("text/html")
    assert f"Cannot GET {path}" in reply.text


def test_an_unknown_method_is_an_unknown_route(simulator: RunningSimulator) -> None:
    assert httpx.put(simulator.url + "/v1/messages", trust_env=False).status_code == 404


@pytest.mark.parametrize("headers", [{}, KEY, KEY | {"Quo-Api-Version": "2025-01-01"}])
def test_the_version_is_checked_before_the_key(simulator: RunningSimulator, headers: dict[str, str]) -> None:
    reply = get(simulator, "/organization", headers)
    assert reply.status_code == 400
    assert "2026-03-30" in reply.json()["message"]
    assert {"title", "message", "docs"} <= reply.json().keys()


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Missing authorization header"),
        ({"Authorization": "wrong"}, "Unauthorized"),
        ({"Authorization": "Bearer key-of-a-test"}, "Unauthorized"),
    ],
)
def test_the_key_is_refused_in_the_shape_of_each_surface(
    simulator: RunningSimulator, headers: dict[str, str], message: str
) -> None:
    v1 = get(simulator, "/v1/phone-numbers", headers)
    dated = get(simulator, "/organization", headers | DATED)
    assert (v1.status_code, dated.status_code) == (401, 401)
    assert v1.json()["error"]["message"] == message
    assert (dated.json()["title"], dated.json()["message"]) == ("Unauthorized", message)
    assert "ratelimit" in v1.headers


def test_the_rate_is_limited_over_both_surfaces_in_each_second(simulator: RunningSimulator) -> None:
    simulator.control("PUT", "/rate", {"rate": 3})
    paths = ["/v1/phone-numbers", "/organization", "/v1/users", "/v1/phone-numbers"]

    def in_one_second() -> list[httpx.Response]:
        """The window is the second of the wall clock: what a busy machine answers in two is asked again."""
        time.sleep(1 - time.time() % 1)
        began = int(time.time())
        answered = [simulator.call("GET", path) for path in paths]
        return answered if int(time.time()) == began else []

    replies = wait_until(in_one_second)
    simulator.control("PUT", "/rate", {"rate": 1000})
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers["ratelimit"] for reply in replies] == [
        f'"per-second"; r={left}; t=1' for left in (2, 1, 0, 0)
    ]
    assert replies[0].headers["ratelimit-policy"] == '"per-second"; q=3; w=1'
    assert replies[3].json()["title"] == "Too Many Requests"
    assert "retry-after" not in replies[3].headers


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/phone-numbers", {"number": "+12025550100"}),
        ("/phone-numbers", {"phoneNumber": "+12025550100"}),
        ("/phone-numbers/PNq7Rk2LmZx/users", {"role": "owner"}),
        ("/v1/users", {"role": "owner"}),
    ],
)
def test_the_workspace_is_described(simulator: RunningSimulator, path: str, expected: dict[str, str]) -> None:
    (item,) = simulator.call("GET", path).json()["data"]
    assert expected.items() <= item.items()


def test_one_number_and_the_organization(simulator: RunningSimulator) -> None:
    assert simulator.call("GET", "/organization").json()["data"]["subscriptionStatus"] == "active"
    number = simulator.call("GET", "/v1/phone-numbers/PNq7Rk2LmZx").json()["data"]
    assert number["restrictions"]["messaging"]["US"] == "unrestricted"
    included = simulator.call("GET", "/phone-numbers/PNq7Rk2LmZx", params={"include": "restrictions"})
    assert included.json()["data"]["restrictions"]["messaging"]["US"] == "unrestricted"
    assert simulator.call("GET", "/phone-numbers/PNother").status_code == 404
