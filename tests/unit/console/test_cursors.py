"""Cursors: read back for the list they were made for, and for no other."""

import hashlib
from base64 import urlsafe_b64encode
from operator import attrgetter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.cursors import cursor_of, read_cursor
from services.core.domain.failures import RefusedInput
from services.core.views.values import LARGEST_ID, page_of

POSITIONS = st.integers(0, LARGEST_ID)


@given(st.text(st.characters(codec="utf-8"), max_size=100), POSITIONS)
def test_a_cursor_is_read_back(scope: str, position: int) -> None:
    cursor = cursor_of(scope, position)
    assert len(cursor) == 32
    assert read_cursor(scope, cursor) == position


@given(POSITIONS, st.integers(0, 31), st.sampled_from("ABCxyz019-_"))
def test_a_changed_cursor_is_refused(position: int, place: int, character: str) -> None:
    cursor = cursor_of("/list?", position)
    changed = cursor[:place] + character + cursor[place + 1 :]
    if changed == cursor:
        return
    with pytest.raises(RefusedInput):
        read_cursor("/list?", changed)


@pytest.mark.parametrize("cursor", ["", "A", "AAAAA", "é", "A" * 32, "\0" * 32])
def test_what_is_no_cursor(cursor: str) -> None:
    with pytest.raises(RefusedInput):
        read_cursor("/list?", cursor)


def test_a_cursor_of_another_list() -> None:
    with pytest.raises(RefusedInput):
        read_cursor("/other?", cursor_of("/list?", 7))


def test_a_position_that_no_id_has() -> None:
    """Anybody can make one up: what the database could not even compare is refused before it is asked."""
    raw = (LARGEST_ID + 1).to_bytes(8, "big")
    made_up = urlsafe_b64encode(raw + hashlib.sha256(b"/list?\0" + raw).digest()[:16]).decode()
    with pytest.raises(RefusedInput):
        read_cursor("/list?", made_up)


def test_a_cursor_that_an_earlier_release_signed_is_refused_with_the_remedy() -> None:
    with pytest.raises(RefusedInput) as refused:
        read_cursor("/list?", "AAAAAAAAAAdvJtLqEHjUM0gBkYHo5DCz")
    assert (refused.value.code, refused.value.pointer) == ("cursor_invalid", "/cursor")
    assert "`next`" in refused.value.detail


@pytest.mark.parametrize(("count", "following"), [(0, None), (2, None), (3, None), (4, 2)])
def test_a_page_has_a_next_one_only_when_a_row_is_left(count: int, following: int | None) -> None:
    rows = [SimpleNamespace(id=number) for number in range(count)]
    page = page_of(rows, 3, attrgetter("id"))
    assert page.items == list(range(min(count, 3)))
    assert page.next == following
