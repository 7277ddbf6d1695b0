"""Every route of the application against every kind of caller; a new route is in the table by being there."""

import re

import pytest
from fastapi.routing import APIRoute

from services.console import account, routes
from services.console.body import Takes
from services.console.endpoints import PREFIX, ApiRoute
from services.console.pages import routers, static
from services.core.domain.access import Role, may
from tests.integration.console.conftest import RunningConsole
from tests.tools.routes import path_of

ROUTES = [(route.method, path_of(route), route.role) for route in routes.ROUTES]
CALLERS = (None, "bad", "revoked", "expired", *Role)
PROBES = {"/livez", "/readyz"}
OF_PAGES = (account.router, static.router, *routers.ROUTERS)
PAGES = {route.path for router in OF_PAGES for route in router.routes if isinstance(route, APIRoute)}
"""Each tells by itself who looks, and whether their page sent the form: see `test_sign_in.py` and `test_pages.py`."""
AN_ID = {"job": "queue_daily_campaigns"}
REQUIRED_ROLES = {
    ("POST", "/clock"): Role.ADMIN,
    ("POST", "/sending/resume"): Role.ADMIN,
    ("POST", "/sending/recover"): Role.ADMIN,
    ("POST", "/sending/adopt"): Role.ADMIN,
    ("GET", "/tokens"): Role.ADMIN,
    ("GET", "/audit"): Role.ADMIN,
    ("POST", "/tokens"): Role.ADMIN,
    ("POST", "/tokens/{name}/revoke"): Role.ADMIN,
    **{
        (method, path): Role.ADMIN for method, path, _ in ROUTES if path.startswith("/users") and path != "/users/agree"
    },
    ("POST", "/contacts/{key:contact}/erase"): Role.ADMIN,
    ("POST", "/opt-outs/lift"): Role.ADMIN,
    ("GET", "/campaigns/{campaign_id:id}/export"): Role.OPERATOR,
    ("GET", "/contacts/imports/{import_id:id}/rows/export"): Role.OPERATOR,
    ("GET", "/provider/check"): Role.OPERATOR,
    ("POST", "/provider/register-webhook"): Role.ADMIN,
    ("POST", "/provider/rotate"): Role.ADMIN,
}


def test_the_table_is_the_application(console: RunningConsole) -> None:
    served = [route for route in console.app.routes if getattr(route, "path", "") not in PROBES | PAGES]
    ours = [route for route in served if isinstance(route, ApiRoute)]
    assert served == ours
    assert {(method, route.path) for route in ours for method in route.methods or ()} == {
        (method, PREFIX + path) for method, path, _ in ROUTES
    }


@pytest.mark.parametrize(("method", "path", "role"), ROUTES)
def test_reads_are_for_viewers_and_acts_for_operators(method: str, path: str, role: Role) -> None:
    expected = REQUIRED_ROLES.get((method, path), Role.VIEWER if method == "GET" else Role.OPERATOR)
    assert role is expected


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path", "needed"), ROUTES)
def test_who_may_use_a_route(console: RunningConsole, method: str, path: str, needed: Role, caller: str | None) -> None:
    tokens = console.tokens | {"bad": "aac_made-up"}
    headers = {"authorization": f"Bearer {tokens[caller]}"} if caller is not None else {}
    takes_csv = path in ("/contacts/imports", "/job-imports")
    if method != "GET":
        headers["content-type"] = Takes.CSV if takes_csv else Takes.JSON
    address = re.sub(r"{(\w+)(:\w+)?}", lambda found: AN_ID.get(found[1], "999999"), path)
    content = b"phone\n" if takes_csv else b""
    answer = console.call(method, address, role=None, headers=headers, content=content)
    if caller in (None, "bad", "revoked", "expired"):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    elif not may(Role(caller), needed):
        assert answer.status_code == 403
        assert answer.json()["code"] == "role_missing"
    else:
        assert answer.status_code not in (401, 403, 405, 500)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Basic dXNlcjpwYXNz", "Bearer \xe9\xff", f"Bearer {'a' * 5000}", "Bearer a b"],
)
def test_other_authorization_headers(console: RunningConsole, header: str) -> None:
    answer = console.call("GET", "/sending", role=None, headers={"authorization": header.encode("latin-1")})
    assert answer.status_code == 401


def test_a_token_ends_when_it_is_revoked(console: RunningConsole) -> None:
    from services.core.storage import tokens

    with console.context.database.transaction() as session:
        token = tokens.create(session, name="short-lived", role=Role.VIEWER)
    headers = {"authorization": f"Bearer {token}"}
    assert console.call("GET", "/sending", role=None, headers=headers).status_code == 200
    with console.context.database.transaction() as session:
        tokens.revoke(session, "short-lived")
    assert console.call("GET", "/sending", role=None, headers=headers).status_code == 401
