"""What holds for every page: readable by everybody, at any width, dark and light, with nothing from elsewhere."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Request

from services.console.pages import static
from services.core.domain.access import Role
from tests.browser.conftest import SIZES, Person, overflow, picture, violations
from tests.integration.console.acts import add_quarantined, add_review
from tests.integration.console.conftest import RunningConsole
from tests.tools import rows

PAGES = ["/", "/sending", "/imports", "/campaigns", "/campaigns/new"]
WEIGHT_AT_MOST = 60 * 1024


@pytest.fixture(params=["empty", "lived in"])
def state(request: pytest.FixtureRequest, console: RunningConsole) -> str:
    if request.param == "lived in":
        add_review(console)
        add_quarantined(console)
        rows.add_reply(console.context, rows.known(console.context, "+12025550177"))
        rows.add_letter(console.context)
    return str(request.param)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", PAGES)
def test_it_can_be_read_by_everybody(
    state: str, signed_in: Callable[..., Person], path: str, size: str, dark: bool
) -> None:
    page = signed_in(Role.OPERATOR, size=size, dark=dark).open(path)
    name = path.strip("/").replace("/", "-") or "today"
    picture(page, "-".join((name, state.replace(" ", "-"), size, "dark" if dark else "light")))
    assert violations(page) == []
    assert overflow(page) <= 0
    page.get_by_text("Stop all texts", exact=True).click()
    assert violations(page) == []
    assert overflow(page) <= 0


@pytest.mark.parametrize("path", PAGES)
def test_it_asks_nobody_else_and_weighs_little(signed_in: Callable[..., Person], path: str) -> None:
    person = signed_in()
    asked: list[Request] = []
    person.context.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - a built-in can't be marked
    person.open(path)
    own = str(person.console.client.base_url)
    assert [request.url for request in asked if not request.url.startswith(own)] == []
    names = {request.url.rpartition("/")[2] for request in asked if "/static/" in request.url}
    assert sum(len(static.FILES[name].packed) for name in names if not name.endswith(".svg")) <= WEIGHT_AT_MOST
    assert names >= {"console.css", "console.js", "htmx.min.js", "hx-sse.min.js"}
