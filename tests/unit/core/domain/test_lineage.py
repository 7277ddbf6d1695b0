"""A database is trusted with sending unless something outside of it knows more."""

from dataclasses import replace
from typing import Any

import pytest

from services.core.domain.lineage import Standing, Witnessed, doubt, is_current

STANDING = Standing(
    incarnations=("first", "second"),
    epoch=45,
    run="00000001@2",
    checked_run="00000001@1",
    place="here",
    is_rewound=False,
)


@pytest.mark.parametrize(
    ("witnessed", "changed", "place", "why"),
    [
        (Witnessed("second", 45), {}, "here", None),
        (Witnessed("second", 44), {}, "here", None),
        (Witnessed("second", 46), {}, "here", "there were 46"),
        (Witnessed("second", 1), {"epoch": 0}, "here", "there were 1"),
        (Witnessed("first", 99), {}, "here", None),
        (Witnessed("third", 1), {}, "here", "another database"),
        (None, {}, "here", None),
        (None, {}, "", None),
        (None, {}, "there", "copy"),
        (None, {"place": ""}, "there", None),
        (Witnessed("second", 45), {}, "there", "copy"),
        (Witnessed("second", 45), {"run": "00000002@2"}, "here", None),
        (Witnessed("second", 46), {"run": "00000002@2"}, "here", "there were"),
        (Witnessed("first", 45), {"run": "00000002@2"}, "here", "promoted"),
        (None, {"run": "00000002@2"}, "here", "promoted"),
        (None, {"run": "00000002@2", "checked_run": None}, "here", None),
    ],
)
def test_what_speaks_against_a_database(
    witnessed: Witnessed | None, changed: dict[str, Any], place: str, why: str | None
) -> None:
    found = doubt(replace(STANDING, **changed), witnessed, place=place)
    assert found == why or (found is not None and why is not None and why in found)


@pytest.mark.parametrize(
    ("witnessed", "speaks"), [(Witnessed("second", 1), True), (Witnessed("first", 1), False), (None, False)]
)
def test_a_witness_of_an_earlier_life_says_nothing_of_this_one(witnessed: Witnessed | None, speaks: bool) -> None:
    assert is_current(STANDING, witnessed) is speaks


def test_what_was_found_out_holds_for_one_run_of_one_life() -> None:
    keys = {STANDING.key, replace(STANDING, run="00000001@3").key, replace(STANDING, incarnations=("first",)).key}
    assert len(keys) == 3
    assert replace(STANDING, epoch=46).key == STANDING.key
