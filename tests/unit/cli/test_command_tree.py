"""The tree of commands: its nouns and verbs, an example in each verb's help, and a light start."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.cli.app import app
from services.core.domain.templates import check_marketing_text, parse_template

VERBS = {
    "audit": {"list"},
    "campaigns": {
        *("cancel", "change", "clone", "create", "delete", "edit", "export", "list", "pause", "plan", "preview"),
        *("recipients", "results", "resume", "show", "start"),
    },
    "clock": {"move", "show"},
    "contacts": {
        *(
            "add",
            "confirm",
            "discard-import",
            "erase",
            "import",
            "import-rows",
            "imports",
            "list",
            "show",
            "show-import",
        ),
    },
    "conversations": {"list", "reply", "show"},
    "webhooks": {"discard", "list", "replay", "show"},
    "dead-letters": {"discard", "list", "replay", "show"},
    "held": {"bind", "cancel", "cancel-many", "list", "release", "release-many", "show"},
    "jobs": {"add", "import", "list", "show", "update"},
    "messages": {"list", "show", "why"},
    "opt-outs": {"add", "lift", "list"},
    "provider": {"check", "checklist", "register-webhook", "rotate"},
    "reviews": {"decide", "list", "show"},
    "schedule": {"history", "list", "pause", "resume", "run-now"},
    "schema": {"grants", "migrate", "show", "wait"},
    "sending": {"resume", "status", "adopt", "recover", "stop"},
    "tasks": {"list"},
    "tokens": {"create", "list", "revoke"},
    "users": {"change-role", "disable", "enable", "end-sessions", "invite", "link", "list", "sessions"},
    "traces": {"show"},
}
ALONE = {"health", "queues", "today", "up", "workers"}
HEAVY = ("sqlalchemy", "celery", "redis", "httpx", "services.core.usecases.context")


def commands() -> Iterator[tuple[str, Any]]:
    root: Any = typer.main.get_command(app)
    for noun, command in root.commands.items():
        for verb, leaf in getattr(command, "commands", {"": command}).items():
            yield f"{noun} {verb}".strip(), leaf


def test_nouns_and_verbs() -> None:
    assert {name for name, _ in commands()} == ALONE | {
        f"{noun} {verb}" for noun, verbs in VERBS.items() for verb in verbs
    }


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()])
def test_each_verb_has_an_example(name: str, command: Any) -> None:
    answer = CliRunner().invoke(app, [*name.split(), "--help"])
    assert answer.exit_code == 0
    assert f"Example: attackacrack {name}" in " ".join(answer.stdout.split())
    assert "--data" in answer.stdout
    assert "--json" in answer.stdout


def test_help_loads_nothing_heavy() -> None:
    listed = "import sys, services.cli.app; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in HEAVY if name in loaded]


def test_the_example_of_a_campaign_is_one_that_is_taken() -> None:
    """The kind: an example in a help text that the verb itself refuses."""
    answer = CliRunner().invoke(app, ["campaigns", "create", "--help"], env={"COLUMNS": "400"})
    (line,) = [line for line in answer.stdout.splitlines() if "Example: attackacrack" in line]
    words = shlex.split(line.partition("attackacrack ")[2].strip(" │"))
    template = words[words.index("--template") + 1]
    parse_template(template, known_fields=frozenset())
    assert not list(check_marketing_text(template, first_message=True))


def test_version() -> None:
    answer = CliRunner().invoke(app, ["--version"])
    assert (answer.exit_code, answer.stdout) == (0, f"attackacrack {version('attackacrack')}\n")
