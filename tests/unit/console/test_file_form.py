"""A form with a file, however its bytes are cut into pieces, and whatever stands in its names."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.pages.file_form import _parts, _shown
from services.core.domain.failures import RefusedInput

BOUNDARY = b"----a-boundary"


def form(*parts: tuple[str, bytes]) -> bytes:
    lines = [
        b"--" + BOUNDARY + b"\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content
        for head, content in parts
    ]
    return b"\r\n".join([*lines, b"--" + BOUNDARY + b"--\r\n"])


def cut(whole: bytes, size: int) -> Iterator[bytes]:
    return (whole[start : start + size] for start in range(0, len(whole), size))


def read(whole: bytes, size: int = 1000) -> dict[tuple[str, str | None], bytes]:
    found: dict[tuple[str, str | None], bytes] = {}
    for part, content in _parts(cut(whole, size), BOUNDARY):
        key = (part.name, part.file_name)
        found[key] = found.get(key, b"") + content
    return found


@given(content=st.binary(max_size=300), size=st.integers(min_value=1, max_value=400))
def test_a_file_is_what_was_sent_however_it_is_cut(content: bytes, size: int) -> None:
    if BOUNDARY in content:
        return
    whole = form(('name="csrf_token"', b"abc"), ('name="file"; filename="list.csv"', content))
    assert read(whole, size) == {("csrf_token", None): b"abc", ("file", "list.csv"): content}


@given(garbage=st.binary(max_size=200))
def test_what_no_browser_sends_is_refused_and_never_fails(garbage: bytes) -> None:
    with suppress(RefusedInput):
        read(b"--" + BOUNDARY + garbage)


def test_a_thousand_parts_are_refused() -> None:
    with pytest.raises(RefusedInput, match="too many parts"):
        read(form(*((f'name="field{nth}"', b"x") for nth in range(1000))))


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("list.csv", "list.csv"),
        (r"C:\Users\maria\list.csv", "list.csv"),
        ("../../etc/passwd", "passwd"),
        ("a\u202eb\nc.csv", "abc.csv"),
        ("\n", "upload.csv"),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_file_s_name_is_shown_without_folders_and_what_cannot_be_seen(sent: str, shown: str) -> None:
    assert _shown(sent) == shown
