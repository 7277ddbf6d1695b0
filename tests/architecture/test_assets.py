"""What comes from npm is what its lock names, and little: the copies that are served, and what a page weighs."""

import json
from pathlib import Path

import pytest

from services.console.pages import static
from services.console.pages.rendering import TEMPLATES
from tests.tools.assets import LOCK, MANIFEST, TAKEN, manifest

PAGE_AT_MOST = 60 * 1024
"""Scripts and styles of a page, compressed: the design's budget."""


@pytest.mark.parametrize("folder", TAKEN, ids=lambda folder: folder.parent.name)
def test_the_copies_are_of_the_locked_packages(folder: Path) -> None:
    assert json.loads((folder / MANIFEST).read_text()) == manifest(folder, TAKEN[folder])
    lie_there = {path.name for path in folder.iterdir()} - {MANIFEST}
    assert lie_there == {name for files in TAKEN[folder].values() for name in files}


def test_the_lock_holds_a_hash_of_each_package_and_no_address() -> None:
    packages = {name: each for name, each in json.loads(LOCK.read_text())["packages"].items() if name}
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())
    assert "://" not in LOCK.read_text()


def test_all_scripts_and_styles_together_are_within_the_budget() -> None:
    assert sum(len(file.packed) for name, file in static.FILES.items() if not name.endswith(".svg")) <= PAGE_AT_MOST


def test_no_template_has_inline_scripts_or_styles_or_another_s_address() -> None:
    for name in TEMPLATES.list_templates():
        source = Path(str(TEMPLATES.get_template(name).filename)).read_text()
        for inline in (
            "style=",
            " onclick",
            " onload",
            "<style",
            "javascript:",
            "http://",
            "https://",
            "|safe",
            "| safe",
        ):
            assert inline not in source, (name, inline)
        assert source.count("<script") == source.count("<script src=")
