"""What holds for pages as for the API: who may what, from where, with what headers, and how failures are answered."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import update

from services.console import sessions
from services.console.pages import campaigns
from services.console.pages.requests import _admin, _operator, _viewer
from services.console.pages.routers import ROUTERS
from services.core.domain.access import Role, may
from services.core.domain.campaigns import CampaignStatus, StopReason
from services.core.storage import sign_ins, users
from services.core.storage.models import Campaign
from services.core.usecases.operations import sending
from tests.integration.console.acts import add_campaign, add_import, new_number
from tests.integration.console.conftest import RunningConsole

NEEDS = {_viewer: Role.VIEWER, _operator: Role.OPERATOR, _admin: Role.ADMIN}
LIVE = "/live"
OWN = {"sec-fetch-site": "same-origin"}


@dataclass(frozen=True, slots=True)
class Served:
    """A route of the pages, and the roles that its handler asks for."""

    method: str
    path: str
    needed: frozenset[Role]


def routes() -> Iterator[Any]:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            needed = frozenset(NEEDS[each.call] for each in route.dependant.dependencies if each.call in NEEDS)
            assert route.methods is not None
            [method] = route.methods
            yield pytest.param(Served(method, route.path, needed), id=f"{method} {route.path}")


@pytest.fixture(scope="module")
def browsers(console: RunningConsole) -> Iterator[dict[Role | None, httpx.Client]]:
    """A browser for each role, and one that nobody is signed in with."""
    port = console.client.base_url.port
    made: dict[Role | None, httpx.Client] = {}
    for role in (*Role, None):
        cookies = {}
        if role is not None:
            with console.context.database.transaction() as session:
                user = users.add(session, name=f"{role} of pages", role=role)
                secret = sign_ins.begin(session, user.id, address="127.0.0.1", agent="a test")
            cookies = {f"attackacrack_session_{port}": secret}
        made[role] = httpx.Client(base_url=console.client.base_url, cookies=cookies, trust_env=False, timeout=30)
    yield made
    for client in made.values():
        client.close()


@pytest.fixture(scope="module")
def named(console: RunningConsole) -> dict[str, Any]:
    return {"import_id": add_import(console), "campaign_id": add_campaign(console)[0], "step": "pause"}


def token_of(client: httpx.Client) -> str:
    [secret] = client.cookies.values()
    return sessions._token(secret)


def ask(client: httpx.Client, method: str, where: str, *, token: str | None = None, **headers: str) -> httpx.Response:
    """A request as a browser sends it from a page of ours, unless `token` or `headers` say otherwise."""
    data = {sessions.CSRF_FIELD: token or token_of(client)} if client.cookies and method == "POST" else {}
    files = {"file": ("list.csv", f"phone\n{new_number()}\n".encode())}
    if where.endswith(LIVE):
        with client.stream(method, where, headers=OWN | headers) as answer:
            return answer
    is_upload = (method, where) == ("POST", "/imports")
    return client.request(method, where, data=data or None, files=files if is_upload else None, headers=OWN | headers)


@pytest.mark.parametrize("route", [*routes()])
class TestEveryRoute:
    def test_names_who_may(self, route: Served) -> None:
        assert len(route.needed) == 1

    def test_leads_who_is_not_signed_in_to_the_entrance(
        self, browsers: Any, named: dict[str, Any], route: Served
    ) -> None:
        answer = ask(browsers[None], route.method, address(route.path, named))
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/enter")

    def test_refuses_whoever_is_below_its_role(self, browsers: Any, named: dict[str, Any], route: Served) -> None:
        [least] = route.needed
        for role in Role:
            answer = ask(browsers[role], route.method, address(route.path, named))
            assert (answer.status_code == 403) is not may(role, least), answer.text

    def test_has_the_pages_own_policy(self, browsers: Any, named: dict[str, Any], route: Served) -> None:
        answer = ask(browsers[Role.ADMIN], "GET", address(route.path, named))
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        if answer.headers["content-type"].startswith("text/html") and answer.status_code == 200:
            assert "script-src 'self'" in policy
            assert "require-trusted-types-for 'script'" in policy

    def test_acts_for_none_but_a_form_of_ours(self, browsers: Any, named: dict[str, Any], route: Served) -> None:
        if route.method == "GET":
            return
        client, where = browsers[Role.ADMIN], address(route.path, named)
        for answer in (
            ask(client, route.method, where, token="x"),
            ask(client, route.method, where, token=token_of(browsers[Role.VIEWER])),
            ask(client, route.method, where, **{"sec-fetch-site": "cross-site"}),
            ask(client, route.method, where, **{"sec-fetch-site": "same-site"}),
            ask(client, route.method, where, origin="https://evil.example"),
        ):
            assert answer.status_code == 403, answer.text
            assert answer.headers["content-type"].startswith("text/html")


def address(path: str, named: dict[str, Any]) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: str(named[found[1]]), path)


@pytest.mark.parametrize("where", ["/campaigns/999999", "/imports/999999", f"/imports/{10**30}", "/campaigns/0"])
def test_what_there_is_not_is_a_page_that_says_so(browsers: Any, where: str) -> None:
    answer = browsers[Role.VIEWER].get(where)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_a_form_is_answered_by_leading_to_a_page(console: RunningConsole, browsers: Any) -> None:
    client = browsers[Role.ADMIN]
    data = {sessions.CSRF_FIELD: token_of(client), "reason": " wrong list "}
    answer = client.post("/sending/stop", data=data, headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sending")
    assert sending.sending_state(console.context).reason == "wrong list"
    assert "stopped" in client.get("/").text  # at once, not a second later
    client.post("/sending/resume", data=data, headers=OWN)
    assert sending.sending_state(console.context).stopped_at is None


def test_a_stop_without_a_reason_is_refused_where_it_was_asked(console: RunningConsole, browsers: Any) -> None:
    client = browsers[Role.ADMIN]
    answer = client.post("/sending/stop", data={sessions.CSRF_FIELD: token_of(client), "reason": " "}, headers=OWN)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert sending.sending_state(console.context).stopped_at is None


class TestStream:
    def test_sends_each_part_once_and_again_only_when_it_differs(self, browsers: Any) -> None:
        first = events(browsers[Role.VIEWER])
        assert "hx-partial" in first["data"]
        again = events(browsers[Role.VIEWER], **{"last-event-id": first["id"]})
        assert again == {"event": "beat", "data": ""}

    def test_is_what_a_script_gets_of_the_page_itself(self, browsers: Any) -> None:
        polled = browsers[Role.VIEWER].get("/", headers={"hx-request": "true"}).text
        assert [line for line in polled.splitlines() if line] == [
            line for line in events(browsers[Role.VIEWER])["data"].splitlines() if line
        ]

    def test_is_sent_as_one(self, browsers: Any) -> None:
        with browsers[Role.VIEWER].stream("GET", LIVE) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"


def events(client: httpx.Client, **headers: str) -> dict[str, str]:
    """The first event of the day's stream."""
    found: dict[str, str] = {}
    with client.stream("GET", LIVE, headers=headers) as answer:
        for line in answer.iter_lines():
            if not line:
                return found
            name, _, value = line.partition(": ")
            found[name] = f"{found[name]}\n{value}" if name in found else value
    raise AssertionError("the stream ended before its first event")


def test_static_files_are_kept_for_ever_under_their_hash_and_are_none_under_another(browsers: Any) -> None:
    page = browsers[Role.VIEWER].get("/").text
    found = set(re.findall(r"/static/[0-9a-f]{16}/[\w.-]+", page))
    assert len(found) >= 5
    for where in found:
        answer = browsers[None].get(where)
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True)
        other = re.sub(r"/[0-9a-f]{16}/", "/0000000000000000/", where)
        assert browsers[None].get(other).status_code == 404


def test_a_list_begins_with_its_newest_and_leads_to_the_older(
    console: RunningConsole, browsers: dict[Role | None, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns, "LISTED", 2)
    made = [add_campaign(console)[0] for _ in range(3)]
    first = browsers[Role.VIEWER].get("/campaigns").text
    assert re.findall(r'href="/campaigns/(\d+)"', first) == [str(each) for each in (made[2], made[1])]
    [older] = re.findall(r'href="(/campaigns\?after=\d+)"', first)
    assert f'href="/campaigns/{made[0]}"' in browsers[Role.VIEWER].get(older).text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"status": CampaignStatus.SCHEDULED, "starts_at": datetime(2026, 3, 2, 14, tzinfo=UTC)}, "It starts"),
        ({"stopped_because": StopReason.PLAN_DRIFTED, "stopped_at": datetime(2026, 3, 2, tzinfo=UTC)}, "too much"),
    ],
)
def test_a_campaign_says_when_it_begins_and_why_it_waits(
    console: RunningConsole, browsers: dict[Role | None, httpx.Client], values: dict[str, object], said: str
) -> None:
    campaign_id, _ = add_campaign(console, "plan")
    with console.context.database.transaction() as session:
        session.execute(update(Campaign).where(Campaign.id == campaign_id).values(**values))
    assert said in browsers[Role.OPERATOR].get(f"/campaigns/{campaign_id}").text


@pytest.mark.parametrize("address", ["/campaigns", "/contacts/imports"])
def test_the_api_lists_from_either_end(console: RunningConsole, address: str) -> None:
    add_import(console)
    add_import(console)
    add_campaign(console)
    add_campaign(console)
    upwards = all_of(console, address)
    assert all_of(console, address, newest_first=True) == upwards[::-1]


def all_of(console: RunningConsole, address: str, **params: Any) -> list[dict[str, Any]]:
    """What a list has, two at a time."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = console.get(address, params={"limit": 2} | params | cursor).json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}
