"""The command line and the API are one set of verbs. What exists on one side only is written here, with its reason."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from services.cli.app import app
from services.console.app import make_app
from services.console.endpoints import PREFIX
from services.console.routes import ENDPOINTS
from services.core.runtime.settings import read_settings

ONLY_ON_THE_COMMAND_LINE = {
    "up": "starts the stack that the API is a part of",
    "schema migrate": "runs before there is an API",
    "schema wait": "runs before there is an API",
    "schema show": "belongs to the two above; the API says by /readyz whether the schema is the right one",
}
ONLY_OVER_THE_API = {
    "contacts show-import": "the command line ends an import where it began it; over the API that are three requests",
    "openapi": "the API's own description",
    "docs": "the API's own description",
}
SHAPES = {
    "contacts list": "contact",
    "contacts add": "contact",
    "contacts show": "contact",
    "contacts erase": "erasure",
    "opt-outs lift": "contact",
    "contacts import": "import",
    "contacts confirm": "import",
    "opt-outs list": "opt-out",
    "opt-outs add": "contact",
    "campaigns list": "campaign-summary",
    "campaigns create": "campaign",
    "campaigns show": "campaign",
    "campaigns plan": "plan",
    "campaigns results": "results",
    "campaigns recipients": "recipient",
    "campaigns clone": "campaign",
    "campaigns start": "campaign",
    "campaigns pause": "campaign",
    "campaigns resume": "campaign",
    "campaigns cancel": "campaign",
    "messages show": "message",
    "messages why": "explanation",
    "held list": "held",
    "held show": "held",
    "held release": "held",
    "held bind": "held",
    "held cancel": "held",
    "reviews list": "review",
    "reviews decide": "review",
    "dead-letters list": "dead-letter",
    "dead-letters discard": "dead-letter",
    "tasks list": "task",
    "queues": "queues",
    "workers": "worker",
    "schedule list": "job",
    "schedule history": "run",
    "schedule run-now": "run",
    "sending status": "sending",
    "sending stop": "sending",
    "sending resume": "sending",
    "clock show": "clock",
    "clock move": "clock",
    "tokens list": "token",
    "tokens create": "new-token",
    "tokens revoke": "token",
    "traces show": "trace",
}
"""Of each verb on both sides, the schema of the command line's document; a list's is that of its items."""

SCHEMAS = json.loads(Path(__file__).with_name("cli").joinpath("schemas.json").read_text())["$defs"]


def on_the_command_line() -> Iterator[str]:
    root: Any = typer.main.get_command(app)
    for noun, command in root.commands.items():
        for verb in getattr(command, "commands", {"": command}):
            yield f"{noun} {verb}".strip()


def over_the_api() -> set[str]:
    return {endpoint.verb for endpoint in ENDPOINTS}


def test_the_command_line_has_these_alone() -> None:
    assert set(on_the_command_line()) - over_the_api() == set(ONLY_ON_THE_COMMAND_LINE)


def test_the_api_has_these_alone() -> None:
    assert over_the_api() - set(on_the_command_line()) == set(ONLY_OVER_THE_API)


def test_an_address_begins_with_its_noun() -> None:
    strays = [endpoint.path for endpoint in ENDPOINTS if endpoint.path.split("/")[1] != endpoint.verb.split()[0]]
    assert strays == ["/openapi.json"]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    described: dict[str, Any] = make_app(read_settings()).openapi()
    return described


@pytest.mark.parametrize(("verb", "shape"), SHAPES.items())
def test_a_verb_has_one_shape(document: dict[str, Any], verb: str, shape: str) -> None:
    for endpoint in ENDPOINTS:
        if endpoint.verb == verb:
            assert set(properties(document, endpoint)) == set(SCHEMAS[shape]["properties"])


def properties(document: dict[str, Any], endpoint: Any) -> dict[str, Any]:
    """The fields of what the endpoint answers, or of a list's items."""
    path = PREFIX + endpoint.address
    answer = document["paths"][path][endpoint.method.lower()]["responses"][str(endpoint.status)]
    found = answer["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][found["$ref"].rpartition("/")[2]]
    fields: dict[str, Any] = schema["properties"]
    if set(fields) == {"items", "next"}:
        name = fields["items"]["items"]["$ref"].rpartition("/")[2]
        fields = document["components"]["schemas"][name]["properties"]
    return fields
