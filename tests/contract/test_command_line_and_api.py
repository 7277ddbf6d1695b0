"""The command line and the API are one set of verbs. What exists on one side only is written here, with its reason."""

import json
from collections.abc import Iterator
from typing import Any

import typer

from services.cli.app import app
from services.console.routes import ROUTES
from tests.contract.record import OF_ANOTHER_SHAPE, RECORDED
from tests.tools.routes import address_of, path_of

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
    "users agree": "is for who is signed in with a browser; at the command line a token agrees by itself",
}


def on_the_command_line() -> Iterator[str]:
    root: Any = typer.main.get_command(app)
    for noun, command in root.commands.items():
        for verb in getattr(command, "commands", {"": command}):
            yield f"{noun} {verb}".strip()


def over_the_api() -> set[str]:
    return {route.verb for route in ROUTES}


def test_the_command_line_has_these_alone() -> None:
    assert set(on_the_command_line()) - over_the_api() == set(ONLY_ON_THE_COMMAND_LINE)


def test_the_api_has_these_alone() -> None:
    assert over_the_api() - set(on_the_command_line()) == set(ONLY_OVER_THE_API)


def test_an_address_begins_with_its_noun() -> None:
    strays = [path for route in ROUTES if (path := path_of(route)).split("/")[1] != route.verb.split()[0]]
    # Whatever stands below /jobs/ is an external id.
    assert strays == ["/job-imports", "/openapi.json"]


def test_every_verb_of_both_sides_is_recorded() -> None:
    assert set(json.loads(RECORDED.read_text())["verbs"]) >= set(on_the_command_line()) & over_the_api()


def test_an_exception_is_an_endpoint() -> None:
    assert set(OF_ANOTHER_SHAPE) <= {f"{route.method} {address_of(route)}" for route in ROUTES}
