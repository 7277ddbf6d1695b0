"""A real browser before a real console: Debian's Chromium, driven by playwright.

A machine without one reports which tests it left out and how to get it, and fails none.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from services.core.domain.access import Role
from services.core.storage import sign_ins, users
from tests.integration.console.conftest import RunningConsole, console, console_settings, simulator
from tests.tools.rows import warm_limiter

__all__ = ["console", "console_settings", "simulator"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOW_TO_GET_IT = "no browser here: apt-get install chromium, and the tests of tests/browser run too"
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
SIZES = {"wide": (1280, 900), "narrow": (375, 812)}
PICTURES = Path(__file__).parents[2] / ".cache" / "pictures"
"""Where each page is to be looked at afterwards."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=HOW_TO_GET_IT))


@dataclass
class Person:
    """Somebody who is signed in, at their browser."""

    name: str
    context: BrowserContext
    console: RunningConsole

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
        self.go(page, path)
        return page

    def go(self, page: Page, path: str) -> None:
        page.goto(f"{self.console.client.base_url}{path}", wait_until="load")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    own = os.environ | {"HOME": str(tmp_path_factory.mktemp("browser"))}  # other tests have the home for themselves
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], env={**own}
        )
        yield launched
        launched.close()


@pytest.fixture
def signed_in(console: RunningConsole, browser: Browser) -> Iterator[Callable[..., Person]]:
    """Signs somebody in: `role`, and how their browser is (`size`, `dark`, `scripts`)."""
    opened: list[BrowserContext] = []
    warm_limiter(console.context)

    def sign_in(role: Role = Role.ADMIN, *, size: str = "wide", dark: bool = False, scripts: bool = True) -> Person:
        name = f"{role.value} {len(opened)} {id(opened)}"
        with console.context.database.transaction() as session:
            user = users.add(session, name=name, role=role)
            secret = sign_ins.begin(session, user.id, address="127.0.0.1", agent="a test")
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        address = urlsplit(str(console.client.base_url))
        context.add_cookies(
            [{"name": f"attackacrack_session_{address.port}", "value": secret, "url": str(console.client.base_url)}]
        )
        opened.append(context)
        return Person(name, context, console)

    yield sign_in
    for context in opened:
        context.close()


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds wrong with the page, each rule with the elements that break it."""
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES
    )
    return [(each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found["violations"]]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
