"""The JSON reader against the standard library's: the same documents, or a refusal."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.console.json_reader import DEPTH_AT_MOST, LARGEST, read_json
from services.core.domain.failures import RefusedInput

STORABLE = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
NUMBERS = st.integers(-LARGEST, LARGEST) | st.floats(allow_nan=False)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS.filter(lambda number: abs(number) < 1e300) | STORABLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STORABLE, inner, max_size=4),
    max_leaves=DEPTH_AT_MOST // 2,
)


@settings(max_examples=150)
@given(DOCUMENTS)
def test_a_good_document_is_read_as_it_is(document: Any) -> None:
    for raw in (json.dumps(document), json.dumps(document, ensure_ascii=False, indent=1)):
        assert read_json(raw.encode()) == document


@settings(max_examples=150)
@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:\\0123456789.eE-+udntNaI ', max_size=40).map(str.encode))
def test_anything_else_is_refused_and_never_fails_otherwise(raw: bytes) -> None:
    with suppress(RefusedInput):
        json.dumps(read_json(raw), allow_nan=False).encode()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"[" * DEPTH_AT_MOST, 400),
        (b"[" * (DEPTH_AT_MOST + 1) + b"]" * (DEPTH_AT_MOST + 1), 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (str(LARGEST + 1).encode(), 422),
        (b"-" + b"9" * 5000, 422),
        (b"-1e999", 422),
        (b'"\\ud800"', 422),
        (b'"\\u0000"', 422),
        (b'{"\\udfff": 1}', 422),
        (b'{"a": 1, "\\u0061": 2}', 400),
        (b"\xc0\x80", 400),
    ],
)
def test_what_postgresql_or_python_could_not_hold(raw: bytes, status: int) -> None:
    with pytest.raises(RefusedInput) as refused:
        read_json(raw)
    assert refused.value.status == status


@pytest.mark.parametrize("raw", [b'"\\ud83d\\ude00"', str(LARGEST).encode(), b"-0.0", b'{"a": [{"a": 1}]}'])
def test_what_is_unusual_and_fine(raw: bytes) -> None:
    assert read_json(raw) == json.loads(raw)


def test_the_deepest_that_is_taken() -> None:
    raw = b"[" * (DEPTH_AT_MOST - 1) + b"1" + b"]" * (DEPTH_AT_MOST - 1)
    assert read_json(raw) == json.loads(raw)
