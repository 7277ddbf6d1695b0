"""What the documents for engineers name is there: paths, functions, columns, values, settings, targets and verbs.

A name in code quotes is one of ours or a library's, or the test fails; so no document outlives what it tells of.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import typer.main
import yaml

from services.cli.app import app
from services.core.runtime.settings import PREFIX, Settings
from services.core.storage.models import Base

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(
        SERVICES / name
        for name in ("ARCHITECTURE.md", "RETENTION.md", "core/runtime/TRACES.md", "provider_simulator/README.md")
    ),
    *sorted((SERVICES / "adr").glob("0*.md")),
)
BASES = (ROOT, SERVICES, SERVICES / "core", SERVICES / "core" / "usecases")
"""Where a path may begin, beside the document's own folder."""

FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#]+)")
PATH = re.compile(r"([\w.-]+(?:/[\w.*-]+)+/?|[\w-]+\.(?:py|md))(?:::([\w:]+))?")
NOT_KEPT = re.compile(r"(application|text)/.*|\.(data|venv|cache)/.*|run/.*")
"""Media types, names of spans, and what is there only when something runs."""

DOTTED = re.compile(r"[a-z_]\w*(\.\w+)+(?<!\.json)(?<!\.env)(?<!\.csv)(?<!\.yaml)(?<!\.toml)")
VARIABLE = re.compile(rf"{PREFIX}(?!SIMULATOR_)([A-Z_]+[A-Z])")
TARGET = re.compile(r"^make ([a-z][a-z0-9-]*)")
VERB = re.compile(r"^attackacrack ([a-z].*)")
ELSEWHERE = {"secrets_dir", "data"}
"""Variables that are read before the settings are."""


def faults(text: str, document: Path) -> Iterator[str]:
    """What a text in code quotes names that is nowhere."""
    if PATH.fullmatch(text):
        if not NOT_KEPT.fullmatch(text) and not is_path(text, document):
            yield f"no such path: {text}"
    elif DOTTED.fullmatch(text) and not any(knows(text) for knows in (is_word, is_column, is_value, is_code)):
        yield f"no such name: {text}"
    for name in VARIABLE.findall(text):
        if name.lower().partition("__")[0] not in Settings.model_fields.keys() | ELSEWHERE:
            yield f"no such setting: {PREFIX}{name}"
    if (target := TARGET.match(text)) and f"\n{target[1]}:" not in (ROOT / "Makefile").read_text():
        yield f"no such target: {text}"
    if (words := VERB.match(text)) and not is_verb(words[1].split()):
        yield f"no such verb: {text}"


def is_path(text: str, document: Path) -> bool:
    path, _, name = text.partition("::")
    found = [each for base in (document.parent, *BASES) for each in base.glob(path.rstrip("/"))]
    if not found and "/" not in path:
        found = [*SERVICES.rglob(path), *(ROOT / "tests").rglob(path)]
    defined = [re.compile(rf"^\s*(def|class) {part}\b", re.MULTILINE) for part in name.split("::") if name]
    return any(each.is_dir() or all(one.search(each.read_text()) for one in defined) for each in found)


def is_code(name: str) -> bool:
    """`module.function` or `module.Class.method` of ours, perhaps with packages before it; or a library's."""
    module, *rest = name.split(".")
    ours = [f"{path}.{'.'.join(rest)}" for path in modules()[module]]
    return any(resolves(each) for each in (*ours, name))


def resolves(name: str) -> bool:
    try:
        resolve_name(name)
    except (ImportError, AttributeError, ValueError):
        return False
    return True


@cache
def modules() -> dict[str, list[str]]:
    """Modules and packages of the product and the tests by their last name."""
    found = defaultdict(list)
    for path in (*SERVICES.rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        place = path.relative_to(ROOT).with_suffix("")
        parts = place.parent.parts if path.stem == "__init__" else place.parts
        found[parts[-1]].append(".".join(parts))
    return found


@cache
def source() -> str:
    return "".join(path.read_text() for path in SERVICES.rglob("*.py"))


def is_word(name: str) -> bool:
    """The name of an event, an act or a span: it stands in the code as a text."""
    return f'"{name}"' in source()


def is_column(name: str) -> bool:
    table, _, column = name.partition(".")
    return table in Base.metadata.tables and column in Base.metadata.tables[table].columns


@cache
def values() -> Any:
    return yaml.safe_load((ROOT / "charts" / "attackacrack" / "values.yaml").read_text())


def is_value(name: str) -> bool:
    place = values()
    for key in name.split("."):
        if not isinstance(place, dict) or key not in place:
            return False
        place = place[key]
    return True


def is_verb(words: list[str]) -> bool:
    place: Any = typer.main.get_command(app)
    for word in words:
        if word.startswith("-") or not hasattr(place, "commands"):
            return True
        if word not in place.commands:
            return False
        place = place.commands[word]
    return True


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_names_is_there(document: Path) -> None:
    spans = SPAN.findall(FENCED.sub("", document.read_text()))
    assert [fault for text in spans for fault in faults(text, document)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_its_links_lead_somewhere(document: Path) -> None:
    assert [target for target in LINK.findall(document.read_text()) if not (document.parent / target).exists()] == []


@pytest.mark.parametrize(
    "text",
    [
        *("core/usecases/messages/sent.py", "services/core/nowhere/", "no_such_module.py"),
        *("outbox.claimed", "dispatch.Dispatcher.dispatched", "messages.no_such_column", "networkPolicy.nobody"),
        "tests/architecture/test_documents.py::test_nothing",
        *("ATTACKACRACK_NO_SUCH_SETTING=1", "make nothing", "attackacrack messages unsend 42"),
    ],
)
def test_what_is_gone_is_seen(text: str) -> None:
    assert list(faults(text, SERVICES / "ARCHITECTURE.md"))


@pytest.mark.parametrize(
    "text",
    [
        *("core/usecases/messages/send.py", "usecases/context.py", "queue/names.py", "start_role.py"),
        *("outbox.claim", "dispatch.Dispatcher.dispatch", "messages.dispatches", "message.dispatch", "http.client"),
        *("networkPolicy.console", "application/json", ".data/settings.env"),
        "tests/architecture/test_documents.py::test_what_is_gone_is_seen",
        *("ATTACKACRACK_HELP_TEXT", "ATTACKACRACK_CELERY__TIME_LIMIT=PT60S"),
        *("make lint", "attackacrack messages why 42 --trace"),
    ],
)
def test_what_is_there_is_not(text: str) -> None:
    assert list(faults(text, SERVICES / "ARCHITECTURE.md")) == []


def prose(document: str) -> Iterator[str]:
    """The lines that can be broken: no table, no code, no heading, no markup."""
    is_code = False
    for line in document.splitlines():
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and not line.lstrip().startswith(("|", "#", "<")):
            yield line


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_lines_are_at_most_120_characters(path: Path) -> None:
    """As in code; one word, a link say, may be longer."""
    long = [line for line in prose(path.read_text()) if len(line) > 120 and " " in line.strip(" -*")]
    assert long == []


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = [path.name.partition("-")[0] for path in (ROOT / "services" / "adr").glob("[0-9]*.md")]
    assert sorted(numbers) == sorted(set(numbers))
