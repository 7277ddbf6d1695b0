"""The house's own rules: documents, targets and decisions are where they are said to be."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from services.core.storage.schema import MIGRATIONS, head

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "services" / "adr").glob("0*.md"))
LOCKS = {
    "requirements.lock": ("embedded",),
    "requirements-dev.lock": ("embedded", "kubernetes", "dev"),
    "services/requirements.lock": ("kubernetes",),
    "tests/chart/full/requirements.lock": (),
}
"""Each lock, with the extras of ours that are in it."""

PINNED = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^ ;]+)", re.MULTILINE)


def test_help_lists_every_target() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    command = ["make", "--silent", "--no-print-directory", "help"]  # quiet, since make may be what runs us
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert targets == {line.split()[0] for line in shown.splitlines()}


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_fits_on_a_page(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 40
    assert lines[0].startswith(f"# {path.stem[:4]} ")


def test_migrations_are_one_line() -> None:
    numbers = [path.stem[:4] for path in sorted((MIGRATIONS / "versions").glob("0*.py"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert head() == numbers[-1]


def test_decisions_are_numbered_without_doubles() -> None:
    numbers = [path.stem[:4] for path in DECISIONS]
    assert sorted(set(numbers)) == numbers


@pytest.mark.parametrize("name", LOCKS)
def test_locks_carry_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_is_asked_for(name: str) -> None:
    """What is installed is the lock: a newer pin beside an older lock would be tested and shipped as the older."""
    wanted = [Requirement(each) for each in asked_for(name)]
    locked = {canonicalize_name(package): version for package, version in PINNED.findall((ROOT / name).read_text())}
    wrong = [str(each) for each in wanted if locked.get(canonicalize_name(each.name), "none") not in each.specifier]
    assert wrong == [], "solve it again: make lock"


def asked_for(name: str) -> list[str]:
    if name.startswith("tests/"):
        return (ROOT / name).with_suffix(".in").read_text().split()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [
        *project["dependencies"],
        *(each for extra in LOCKS[name] for each in project["optional-dependencies"][extra]),
    ]
