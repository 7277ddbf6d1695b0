"""Every code that a person can meet has words."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.core.domain.glossary import WORDS, in_words
from services.core.domain.phone_numbers import NumberRejection
from services.core.openphone.outcomes import RefusalReason

CORE = Path(__file__).parents[4] / "services" / "core"
DECISIONS = {"Skip": 1, "Defer": 1, "HoursDecision": 1}


def said(tree: ast.AST) -> Iterator[str]:
    """The codes that a module writes as reasons."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        for keyword in node.keywords:
            if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant) and keyword.value.value:
                yield str(keyword.value.value)
        place = DECISIONS.get(getattr(node.func, "id", ""))
        match node.args[place:] if place is not None else []:
            case [ast.Constant(value=code), *_]:
                yield str(code)


def codes() -> set[str]:
    found = {code for path in CORE.rglob("*.py") for code in said(ast.parse(path.read_text()))}
    return {code for code in found | {*NumberRejection, *RefusalReason} if code.replace("_", "").isalpha()}


@pytest.mark.parametrize("code", sorted(codes()))
def test_every_code_has_words(code: str) -> None:
    assert WORDS.get(code), f"{code}: give it words in domain/glossary.py"


@pytest.mark.parametrize("words", WORDS.values())
def test_words_are_no_code(words: str) -> None:
    assert "_" not in words


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("opted_out", "asked to get no more texts"),
        ("suppressed:provider_refused_number", "is not to be texted: the provider refuses the number"),
        ("missing_fields:city,first_name", "these fields are empty and have no fallback: city, first_name"),
        ("G3: legal_hours_closed", "at this hour the law of where they live forbids texts"),
        ("G2: opted_out, so that it will be skipped", "asked to get no more texts, so that it will be skipped"),
        ("something_new", "something new"),
        ("queue: a worker takes it next", "queue: a worker takes it next"),
    ],
)
def test_in_words(code: str, words: str) -> None:
    assert in_words(code) == words
