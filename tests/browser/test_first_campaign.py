"""The first campaign, by visible labels alone: from a file to texts that leave, its refused rows explained."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from services.core.domain.access import Role
from services.core.usecases.campaigns.find import show_campaign
from services.core.usecases.contacts.find_imports import show_import
from tests.browser.conftest import Person, overflow, picture, violations
from tests.integration.console.acts import new_number
from tests.integration.console.conftest import RunningConsole

MARKUP = "<script>alert(1)</script>"
TEXT = "Hi {{first_name|there}}, your {{roof|roof}} is due. Reply STOP to opt out."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / f"spring {MARKUP.replace('/', '')}.csv"
    rows = [
        ("Phone", "First name", "Roof"),
        (new_number(), "Ada", "slate roof"),
        (new_number(), MARKUP, "tin roof"),
        ("12", "Eve", ""),
        (MARKUP, "Mallory", ""),
    ]
    found.write_text("".join(",".join(row) + "\n" for row in rows))
    return found


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize(("size", "dark"), [("wide", False), ("narrow", True)], ids=["wide light", "narrow dark"])
def test_from_a_file_to_a_running_campaign(
    console: RunningConsole, signed_in: Callable[..., Person], file: Path, size: str, dark: bool, scripts: bool
) -> None:
    page = signed_in(Role.OPERATOR, size=size, dark=dark, scripts=scripts).open("/imports")
    page.get_by_label("Drop a CSV file here").set_input_files(file)
    page.get_by_role("button", name="Read it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("4 rows read. Nothing is kept yet.")
    numbers = [int(each) for each in page.locator(".sum dd").all_inner_texts()]
    assert numbers == [2, 0, 0, 2, 4]
    refused = page.locator("tbody tr")
    expect(refused).to_have_count(2)
    expect(refused.first).to_contain_text("too few digits")
    expect(refused.first.locator("td").first).to_have_text("4")
    healthy(page, scripts=scripts, name=f"import-{size}")
    page.get_by_role("button", name="Use this list").click()
    page.get_by_role("link", name="Write to this list").click()
    page.get_by_label("Name").fill(f"Spring {MARKUP} {new_number()}")
    page.get_by_label("Text").fill(TEXT)
    healthy(page, scripts=scripts, name=f"campaign-form-{size}")
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_text("Hi Ada, your slate roof is due.")).to_be_visible()
    expect(page.get_by_text(f"Hi {MARKUP}, your tin roof is due.")).to_be_visible()
    healthy(page, scripts=scripts, name=f"campaign-draft-{size}")
    page.get_by_role("button", name="Start: text 2 people").click()
    expect(page.locator(".eyebrow")).to_contain_text("running")
    campaign_id = page.url.rpartition("/")[2]
    assert show_campaign(console.context, campaign_id).status == "running"
    healthy(page, scripts=scripts, name=f"campaign-running-{size}")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".eyebrow")).to_contain_text("paused")
    page.get_by_role("button", name="Resume", exact=True).click()
    page.get_by_role("button", name="Cancel the 2 texts not yet sent").click()
    expect(page.locator(".eyebrow")).to_contain_text("cancelled")
    assert show_campaign(console.context, campaign_id).messages == {"skipped": 2}


def test_what_was_refused_comes_as_a_file(
    console: RunningConsole, signed_in: Callable[..., Person], file: Path
) -> None:
    page = signed_in(Role.OPERATOR).open("/imports")
    read(page, file)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="All refused rows as CSV").click()
    with Path(downloading.value.path()).open(encoding="utf-8-sig", newline="") as content:
        lines = [row["line"] for row in csv.DictReader(content)]
    assert lines == ["4", "5"]


def test_a_text_that_is_refused_says_why_at_its_field_and_keeps_what_was_written(
    console: RunningConsole, signed_in: Callable[..., Person], file: Path
) -> None:
    page = signed_in(Role.OPERATOR, scripts=False).open("/imports")
    read(page, file)
    page.get_by_role("button", name="Use this list").click()
    page.get_by_role("link", name="Write to this list").click()
    page.get_by_label("Name").fill("No way out")
    page.get_by_label("Text").fill("Hi {{nonsense}}")
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_label("Text")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Text")).to_have_value("Hi {{nonsense}}")
    expect(page.get_by_label("Name")).to_have_value("No way out")


def test_who_came_too_late_overwrites_nothing(
    console: RunningConsole, signed_in: Callable[..., Person], file: Path
) -> None:
    first = signed_in(Role.OPERATOR)
    one = first.open("/imports")
    read(one, file)
    two = signed_in(Role.OPERATOR).open(one.url.removeprefix(str(console.client.base_url)))
    one.get_by_role("button", name="Use this list").click()
    expect(one.get_by_role("heading", level=1)).to_have_text("The list is yours to use.")
    two.get_by_role("button", name="Discard it").click()
    expect(two.get_by_role("alert")).to_contain_text("changed in between")
    assert show_import(console.context, int(one.url.rpartition("/")[2])).status == "confirmed"


def test_a_viewer_sees_numbers_masked_and_no_way_to_act(
    console: RunningConsole, signed_in: Callable[..., Person], file: Path
) -> None:
    page = signed_in(Role.OPERATOR).open("/imports")
    read(page, file)
    page.get_by_role("button", name="Use this list").click()
    page.get_by_role("link", name="Write to this list").click()
    page.get_by_label("Name").fill("Seen by a viewer")
    page.get_by_label("Text").fill(TEXT)
    page.get_by_role("button", name="Check it").click()
    number = file.read_text().splitlines()[1].split(",")[0]
    expect(page.get_by_text(number)).to_be_visible()
    viewer = signed_in(Role.VIEWER).open(page.url.removeprefix(str(console.client.base_url)))
    expect(viewer.get_by_text("Hi Ada")).to_be_visible()
    expect(viewer.get_by_text(number)).to_have_count(0)
    assert viewer.locator("main button, main form").count() == 0


def read(page: Page, file: Path) -> None:
    page.get_by_label("Drop a CSV file here").set_input_files(file)
    page.get_by_role("button", name="Read it").click()
    expect(page.get_by_text("rows read")).to_be_visible()


def healthy(page: Page, *, scripts: bool, name: str) -> None:
    """Nothing that was stored became markup; everybody can read it; nothing is wider than the window."""
    picture(page, name)
    assert page.locator("main script").count() == 0
    if scripts:
        assert violations(page) == []
        assert overflow(page) <= 0
