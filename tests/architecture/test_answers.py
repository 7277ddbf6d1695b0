"""What a verb returns is described once, as a view: its command, its route and its use case say which one."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.console.endpoints import ApiRoute
from services.console.routes import ROUTES
from services.console.shapes import Page
from services.core.views.values import View

ROOT = Path(__file__).parents[2]
VERBS = ROOT / "services" / "cli" / "verbs"


def commands() -> Iterator[tuple[str, str]]:
    """Each command with the type that it says it returns."""
    for path in sorted(VERBS.glob("*.py")):
        module = ast.parse(path.read_text())
        registered = {name for node in ast.walk(module) for name in registered_by(node)}
        for node in module.body:
            if isinstance(node, ast.FunctionDef) and node.name in registered:
                returned = ast.unparse(node.returns) if node.returns is not None else "nothing"
                yield f"{path.stem}.{node.name}", returned.strip("'")


def registered_by(node: ast.AST) -> list[str]:
    """The names of the functions that this makes commands: `@verb(...)` over one, or `verb(...)(one)`."""
    match node:
        case ast.FunctionDef(name=name, decorator_list=decorators):
            return [name for each in decorators if ast.unparse(each).startswith("verb(")]
        case ast.Call(func=ast.Call(func=ast.Name(id="verb")), args=[ast.Name(id=name)]):
            return [name]
    return []


def test_a_command_says_what_it_returns() -> None:
    found = dict(commands())
    assert len(found) > 60
    assert {name: returned for name, returned in found.items() if returned in ("Any", "object", "nothing")} == {}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_returns_the_view_that_the_api_describes(route: ApiRoute) -> None:
    answer = route.response_model
    if answer is None or issubclass(answer, Page):  # a file, or a list, whose cursor is the API's own
        return
    assert issubclass(answer, View)
    assert inspect.signature(route.endpoint).return_annotation is answer
