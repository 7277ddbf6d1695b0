"""The house's own rules: documents, targets and decisions are where they are said to be."""

import re
import subprocess
from pathlib import Path

import pytest

from services.core.storage.migrate import MIGRATIONS, head

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "services" / "adr").glob("0*.md"))


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


def test_locks_carry_hashes_and_no_addresses() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "services/requirements.lock"):
        text = (ROOT / name).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
