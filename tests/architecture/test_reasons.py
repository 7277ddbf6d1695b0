"""A reason is a member of its enum: nobody writes its code by hand, so that rows, metrics and words stay one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.core.domain.glossary import WORDS
from services.core.domain.inbox import EventReason
from services.core.domain.messages import MessageReason
from services.core.domain.plans import Unwritable
from services.core.domain.send_gate import Reason
from services.core.domain.sending_window import HoursReason

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
ENUMS = (Reason, HoursReason, Unwritable, MessageReason, EventReason)
CODES = {str(code) for enum in ENUMS for code in enum}
FIELDS = ("reason", "excluded", "suppressed_reason")
OTHERS = {
    SERVICES / "core" / "domain" / "glossary.py",  # the words for codes, as rows of any age have them
    SERVICES / "core" / "domain" / "contacts_csv" / "names.py",  # names of a file's columns
    SERVICES / "core" / "usecases" / "messages" / "explain.py",  # what a step of a story says is kept nowhere
}
OTHER_TREES = {
    SERVICES / "provider_simulator",  # which has words of its own
    SERVICES / "core" / "storage" / "migrations",
    SERVICES / "core" / "views",  # whose examples show codes
}
WORDLIKE = {"open", "holiday", "suppressed", "allowed"}
"""Codes that are also words of other things: seen only where they are given as a reason."""


def literals(source: str) -> Iterator[str]:
    """Reasons that a module writes by hand: any code, and any text that is given, kept or compared as a reason."""
    tree = ast.parse(source)
    spared = {id(node) for each in ast.walk(tree) for node in _other_codes(each)}
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=str(name), value=ast.Constant(value=str(text))) if name in FIELDS:
                yield text
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Constant(value=str(text))) if name in FIELDS:
                yield text
            case ast.Compare(left=ast.Attribute(attr=name), comparators=[ast.Constant(value=str(text))]) if (
                name in FIELDS
            ):
                yield text
            case ast.Constant(value=str(text)) if text in CODES - WORDLIKE and id(node) not in spared:
                yield text


def _other_codes(node: ast.AST) -> Iterator[ast.AST]:
    """The members of an enum, and the code of a refusal, which is a vocabulary of its own."""
    match node:
        case ast.ClassDef(bases=[ast.Name(id="StrEnum")], body=body):
            yield from (each.value for each in body if isinstance(each, ast.Assign))
        case ast.Raise(exc=ast.Call(args=[first, *_])):
            yield first


def modules() -> list[Path]:
    return [path for path in sorted(SERVICES.rglob("*.py")) if path not in OTHERS and not OTHER_TREES & {*path.parents}]


def test_no_reason_is_written_by_hand() -> None:
    found = {(path.relative_to(ROOT).as_posix(), text) for path in modules() for text in literals(path.read_text())}
    assert found == set()


@pytest.mark.parametrize(
    "source",
    [
        "skip(message, reason='worker_lost', at=at)",
        "skip(message, reason='a new one', at=at)",
        "contact.suppressed_reason = 'landline'",
        "message.reason == 'opted_out'",
        "CANCELLED = 'campaign_cancelled'",
        "return 'text_too_long', None",
    ],
)
def test_each_way_to_write_one_is_seen(source: str) -> None:
    assert list(literals(source))


@pytest.mark.parametrize(
    "source",
    [
        "skip(message, reason=Reason.OPTED_OUT, at=at)",
        "raise Conflict('opted_out', 'the contact opted out')",
        "class Why(StrEnum):\n    GONE = 'contact_erased'",
        "status = 'open'",
    ],
)
def test_what_is_none_is_left_alone(source: str) -> None:
    assert list(literals(source)) == []


def test_each_has_words() -> None:
    assert CODES - WORDS.keys() - {HoursReason.OPEN, HoursReason.HOLIDAY} == set()
