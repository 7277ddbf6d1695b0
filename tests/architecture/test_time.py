"""What a test says of time: how long something took is the machine's, so none asserts it, and all wait in one way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
MEASURE = {TESTS / "benchmarks", TESTS / "e2e" / "cluster"}
WAITING = TESTS / "tools" / "waiting.py"
CLOCKS = {"monotonic", "perf_counter", "process_time"}


def reads_a_clock(tree: ast.AST) -> bool:
    """Whether the time is asked for in it."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in CLOCKS:
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr="time")):
                return True
    return False


def takes_elapsed(tree: ast.AST) -> bool:
    """Whether it says how long ago something was."""
    differences = (each for each in ast.walk(tree) if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Sub))
    return any(reads_a_clock(each.left) for each in differences)


def strays(source: str) -> Iterator[str]:
    """The assertions about elapsed time, and the loops that look at a clock."""
    if not any(clock in source for clock in (*CLOCKS, "time.time")):
        return
    tree = ast.parse(source)
    elapsed = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and takes_elapsed(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert | ast.While):
            names = {each.id for each in ast.walk(node.test) if isinstance(each, ast.Name)}
            if reads_a_clock(node.test) or names & elapsed:
                yield ast.unparse(node.test)


def modules() -> list[Path]:
    return [path for path in sorted(TESTS.rglob("*.py")) if path != WAITING and not MEASURE & {*path.parents}]


def test_no_test_asserts_how_long_something_took() -> None:
    found = {path.relative_to(TESTS).as_posix(): [*strays(path.read_text())] for path in modules()}
    assert {path: each for path, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "source",
    [
        "began = time.monotonic()\nassert time.monotonic() - began < 5",
        "took = perf_counter() - began\nprint(took)\nassert took < LIMIT",
        "while time.monotonic() < deadline:\n    sleep(1)",
        "assert abs(signed_at - time.time()) < 5",
    ],
)
def test_each_way_is_seen(source: str) -> None:
    assert len([*strays(source)]) == 1


@pytest.mark.parametrize(
    "source",
    [
        "took = time.monotonic() - began\nreport(took)",
        "before = time.time()\nact()\nafter = time.time()\nassert before <= stamp <= after",
        "assert response.time() == 3",
    ],
)
def test_an_order_of_instants_and_a_report_are_left_alone(source: str) -> None:
    assert [*strays(source)] == []
