"""The command line and the API are one set of verbs. What exists on one side only is written here, with its reason."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from services.cli.app import app
from services.console.app import make_app
from services.console.endpoints import PREFIX, Endpoint
from services.console.routes import ENDPOINTS
from services.core.runtime.settings import read_settings

ONLY_ON_THE_COMMAND_LINE = {
    "up": "starts the stack that the API is a part of",
    "schema migrate": "runs before there is an API",
    "schema wait": "runs before there is an API",
    "schema grants": "is for the database's owner, who needs no API",
    "schema show": "belongs to the two above; the API says by /readyz whether the schema is the right one",
}
ONLY_OVER_THE_API = {
    "openapi": "the API's own description",
    "docs": "the API's own description",
}
OF_ANOTHER_SHAPE = {
    "GET /campaigns/{campaign_id}/export": "the answer is the file itself; the command line says where it wrote it",
    "GET /contacts/imports/{import_id}/rows/export": "the answer is the file itself, which --csv writes",
    "POST /dead-letters/{letter_id}/replay": "the answer is that letter, which the command line has under items",
    "POST /webhooks/{webhook_id}/replay": "the answer is that webhook, which the command line has under items",
    "POST /provider/checklist/{item}": "the answer is that item; the command line shows the whole list again",
}
"""Endpoints whose verb the command line answers with another document, each with its reason."""

SHAPES = {
    "contacts list": "contact",
    "contacts add": "contact",
    "contacts show": "contact",
    "contacts erase": "erasure",
    "opt-outs lift": "contact",
    "contacts import": "import",
    "contacts confirm": "import",
    "contacts imports": "import",
    "contacts show-import": "import",
    "contacts import-rows": "import-row",
    "contacts discard-import": "import",
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
    "held release-many": "decided",
    "held cancel-many": "decided",
    "reviews list": "review",
    "reviews show": "review",
    "reviews decide": "review",
    "webhooks list": "webhook",
    "webhooks show": "webhook-body",
    "webhooks replay": "webhooks-replayed",
    "webhooks discard": "webhook-body",
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
    "audit list": "audit-entry",
    "tokens list": "token",
    "tokens create": "new-token",
    "tokens revoke": "token",
    "traces show": "trace",
    "campaigns export": "exported",
    "conversations list": "conversation-summary",
    "conversations show": "conversation",
    "conversations reply": "reply",
    "dead-letters show": "dead-letter",
    "dead-letters replay": "replayed",
    "health": "health",
    "jobs list": "customer-job",
    "jobs show": "customer-job",
    "jobs add": "put-job",
    "jobs update": "put-job",
    "jobs import": "job-import",
    "messages list": "message",
    "provider check": "provider-check",
    "provider checklist": "checklist",
    "provider register-webhook": "webhook-key",
    "provider rotate": "webhook-key",
    "schedule pause": "switched",
    "schedule resume": "switched",
    "sending recover": "recovery",
    "sending adopt": "recovery",
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
    # Whatever stands below /jobs/ is an external id.
    assert strays == ["/job-imports", "/openapi.json"]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    described: dict[str, Any] = make_app(read_settings()).openapi()
    return described


def test_every_verb_of_both_sides_is_compared() -> None:
    assert set(SHAPES) == set(on_the_command_line()) & over_the_api()


def test_an_exception_is_an_endpoint() -> None:
    assert set(OF_ANOTHER_SHAPE) <= {f"{endpoint.method} {endpoint.address}" for endpoint in ENDPOINTS}


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param(endpoint, id=f"{endpoint.verb}: {endpoint.method} {endpoint.address}")
        for endpoint in ENDPOINTS
        if endpoint.verb in SHAPES and f"{endpoint.method} {endpoint.address}" not in OF_ANOTHER_SHAPE
    ],
)
def test_a_verb_has_one_shape(document: dict[str, Any], endpoint: Endpoint) -> None:
    answer = document["paths"][PREFIX + endpoint.address][endpoint.method.lower()]["responses"][str(endpoint.status)]
    over_api = outline(answer["content"]["application/json"]["schema"], document["components"]["schemas"])
    if isinstance(over_api, dict) and over_api.keys() == {"items", "next"}:
        (over_api,) = over_api["items"]
    assert over_api == outline({"$ref": f"#/$defs/{SHAPES[endpoint.verb]}"}, SCHEMAS)


def outline(schema: dict[str, Any], known: dict[str, Any]) -> Any:
    """The names of a schema's fields, and theirs in turn; a list as a list of what it holds, any value as None."""
    if "$ref" in schema:
        return outline(known[schema["$ref"].rpartition("/")[2]], known)
    if "anyOf" in schema:
        return next((found for each in schema["anyOf"] if (found := outline(each, known)) is not None), None)
    if "properties" in schema:
        return {name: outline(field, known) for name, field in schema["properties"].items()}
    found = outline(schema["items"], known) if schema.get("items") else None
    return [found] if found is not None else None
