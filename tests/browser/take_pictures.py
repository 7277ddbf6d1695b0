"""The README's pictures, of a laptop's stack after its demo: `python -m tests.browser.take_pictures LINK`.

`LINK` is what `attackacrack up --demo` prints, or `attackacrack users link owner`; it works once.
"""

import sys
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, SIZES

FOLDER = Path(__file__).parent / "pictures"
PAGES = {"today.png": "/", "campaign.png": "/campaigns/1"}


def main(link: str) -> None:
    width, height = SIZES["wide"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
    ):
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(link)
        page.get_by_role("button").click()
        for name, path in PAGES.items():
            page.goto(urljoin(link, path))
            page.screenshot(path=FOLDER / name)


if __name__ == "__main__":
    main(sys.argv[1])
