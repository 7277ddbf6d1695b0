"""Cursors: read back by whoever knows the secret, for the list they were made for, and not otherwise."""

from operator import attrgetter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.cursors import Cursors
from services.core.domain.failures import RefusedInput
from services.core.views.values import page_of

POSITIONS = st.integers(0, 2**63 - 1)
OURS = Cursors("secret")


@given(st.text(st.characters(codec="utf-8"), max_size=100), POSITIONS)
def test_a_cursor_is_read_back(scope: str, position: int) -> None:
    cursor = OURS.sign(scope, position)
    assert len(cursor) == 32
    assert Cursors("secret").read(scope, cursor) == position


@given(POSITIONS, st.integers(0, 31), st.sampled_from("ABCxyz019-_"))
def test_a_changed_cursor_is_refused(position: int, place: int, character: str) -> None:
    cursor = OURS.sign("/list?", position)
    changed = cursor[:place] + character + cursor[place + 1 :]
    if changed == cursor:
        return
    with pytest.raises(RefusedInput):
        OURS.read("/list?", changed)


@pytest.mark.parametrize("cursor", ["", "A", "AAAAA", "é", "A" * 32, "\0" * 32])
def test_what_is_no_cursor(cursor: str) -> None:
    with pytest.raises(RefusedInput):
        OURS.read("/list?", cursor)


def test_a_cursor_of_another_list_or_installation() -> None:
    cursor = OURS.sign("/list?", 7)
    for reader, scope in ((OURS, "/other?"), (Cursors("another"), "/list?")):
        with pytest.raises(RefusedInput):
            reader.read(scope, cursor)


@pytest.mark.parametrize(("count", "following"), [(0, None), (2, None), (3, None), (4, 2)])
def test_a_page_has_a_next_one_only_when_a_row_is_left(count: int, following: int | None) -> None:
    rows = [SimpleNamespace(id=number) for number in range(count)]
    page = page_of(rows, 3, attrgetter("id"))
    assert page.items == list(range(min(count, 3)))
    assert page.next == following
