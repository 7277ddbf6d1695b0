"""Stopping everything from any page, and going on: by a person, with scripts and without."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from services.core.domain.access import Role
from services.core.usecases.operations import sending
from tests.browser.conftest import Person
from tests.integration.console.conftest import RunningConsole


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_everything_is_stopped_from_any_page_and_resumed_by_an_admin(
    console: RunningConsole, signed_in: Callable[..., Person], size: str, scripts: bool
) -> None:
    page = signed_in(Role.ADMIN, size=size, scripts=scripts).open("/")
    page.get_by_text("Stop all texts", exact=True).click()
    page.get_by_label("Why?").fill("wrong list")
    page.get_by_role("button", name="Stop all texts now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All texts are stopped.")
    state = sending.sending_state(console.context)
    assert (state.reason, state.stopped_at is not None) == ("wrong list", True)
    expect(page.get_by_text("Since the stop")).to_be_visible()
    page.get_by_role("button", name="Resume sending").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Texts may leave.")
    assert sending.sending_state(console.context).stopped_at is None


def test_the_key_opens_the_stop_and_puts_the_cursor_into_the_reason(signed_in: Callable[..., Person]) -> None:
    page = signed_in(Role.OPERATOR).open("/")
    page.keyboard.press("!")
    expect(page.get_by_label("Why?")).to_be_focused()
    page.keyboard.type("wrong list!")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Why?")).to_be_hidden()


def test_who_may_not_stop_or_resume_has_no_button(console: RunningConsole, signed_in: Callable[..., Person]) -> None:
    sending.stop_sending(console.context, reason="x", by="maria")
    viewer, operator = signed_in(Role.VIEWER).open("/sending"), signed_in(Role.OPERATOR).open("/sending")
    expect(viewer.get_by_text("Stop all texts")).to_have_count(0)
    expect(operator.get_by_role("button", name="Resume sending")).to_have_count(0)
    expect(operator.get_by_text("Only an admin can resume. Ask")).to_be_visible()
    sending.resume_sending(console.context, by="maria")


def test_another_s_stop_shows_on_an_open_page_by_itself(
    console: RunningConsole, signed_in: Callable[..., Person]
) -> None:
    page = signed_in(Role.OPERATOR).open("/")
    expect(page.locator("#liveness")).to_have_text("live")
    sending.stop_sending(console.context, reason="<img src=x onerror=alert(1)>", by="<b>maria</b>")
    expect(page.get_by_text("sending: stopped")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("sending is stopped"))
    page.goto(f"{console.client.base_url}/sending")
    assert_no_markup(page)
    sending.resume_sending(console.context, by="maria")


def assert_no_markup(page: Page) -> None:
    expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
    expect(page.get_by_text("<b>maria</b>")).to_be_visible()
    assert page.locator("main img").count() == 0
