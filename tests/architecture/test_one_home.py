"""One home for a message's life: `outbox/make` alone makes outgoing rows, `outbox/life` alone writes their state."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "services" / "core"
LIFE, MAKE = (CORE / "storage" / "outbox" / f"{name}.py" for name in ("life", "make"))
MIGRATIONS = CORE / "storage" / "migrations"
OF_A_MESSAGE = re.compile(r"message|locked|row|text|each|waiting|orphan", re.IGNORECASE)
WRITES_STATE = re.compile(r"UPDATE\s+messages\s+SET(?:(?!\bWHERE\b).)*\bstatus\s*=", re.IGNORECASE | re.DOTALL)
MAKES_ROWS = re.compile(r"(INSERT\s+INTO|COPY)\s+messages\b", re.IGNORECASE)


def strays(source: str) -> Iterator[tuple[str, str]]:
    """What a module does to messages by itself: `makes` or `moves`, with the code."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=name), attr="status")]) if OF_A_MESSAGE.search(
                name
            ):
                yield "moves", ast.unparse(node)
            case ast.Call(func=ast.Attribute(attr="values"), keywords=keywords):
                whole = ast.unparse(node)
                if "update(Message)" in whole and any(each.arg == "status" for each in keywords):
                    yield "moves", whole
            case ast.Call(func=ast.Name(id="Message"), keywords=keywords):
                given = {each.arg: ast.unparse(each.value) for each in keywords}
                if given.get("direction") != "Direction.INCOMING":  # what a person wrote is no outgoing row
                    yield "makes", ast.unparse(node)
            case ast.Call(func=ast.Name(id="insert"), args=[ast.Name(id="Message"), *_]):
                yield "makes", ast.unparse(node)
            case ast.Constant(value=str(text)):
                if WRITES_STATE.search(text):
                    yield "moves", text
                if MAKES_ROWS.search(text):
                    yield "makes", text


def modules() -> list[Path]:
    """All of the product's; the simulator has messages of its own."""
    others = {MIGRATIONS, ROOT / "services" / "provider_simulator"}
    return [path for path in sorted((ROOT / "services").rglob("*.py")) if not others & {*path.parents}]


def test_a_message_has_one_home() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), how, code)
        for path in modules()
        for how, code in strays(path.read_text())
        if path != {"makes": MAKE, "moves": LIFE}[how]
    }
    assert found == set()


def test_the_homes_do_what_they_are_for() -> None:
    assert {how for how, _ in strays(MAKE.read_text())} == {"makes"}
    assert {how for how, _ in strays(LIFE.read_text())} == {"moves"}


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("message.status = MessageStatus.SENT", "moves"),
        ("update(Message).where(Message.id == 1).values(status='sent', reason=None)", "moves"),
        ("text('UPDATE messages SET reason = NULL, status = :status WHERE id = 1')", "moves"),
        ("Message(direction=Direction.OUTGOING, body='x')", "makes"),
        ("insert(Message).values(body='x')", "makes"),
        ("X = 'INSERT INTO messages (direction) VALUES (1)'", "makes"),
    ],
)
def test_each_way_around_is_seen(source: str, how: str) -> None:
    assert [seen for seen, _ in strays(source)] == [how]


@pytest.mark.parametrize(
    "source",
    [
        "campaign.status = after",
        "update(Message).where(Message.status == 'pending').values(not_before=None)",
        "text(\"UPDATE messages SET not_before = NULL WHERE status = 'pending'\")",
        "Message(direction=Direction.INCOMING, body='x')",
    ],
)
def test_what_is_another_s_or_no_step_is_left_alone(source: str) -> None:
    assert list(strays(source)) == []
