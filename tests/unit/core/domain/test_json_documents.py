"""What is refused of JSON from outside, each by its own code; anything else is what the standard library reads."""

import json

import pytest

from services.core.domain.json_documents import DocumentRefused, Fault, Reader, unstorable_text

READER = Reader(deepest=4, largest=999)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", Fault.EMPTY),
        (b"\xef\xbb\xbf{}", Fault.BYTE_ORDER_MARK),
        (b"[[[[[1]]]]]", Fault.NESTED_TOO_DEEP),
        (b'[{"a": [{"b": []}]}]', Fault.NESTED_TOO_DEEP),
        (b"[" * 1_000_000, Fault.NESTED_TOO_DEEP),
        (b'"\xed\xa0\x80"', Fault.NOT_UTF8),
        (b'{"a"', Fault.NOT_JSON),
        (b'{"a": {"b": 1, "\\u0062": 2}}', Fault.DUPLICATE_KEY),
        (b"[NaN]", Fault.NOT_A_NUMBER),
        (b"-Infinity", Fault.NOT_A_NUMBER),
        (b"1e400", Fault.NUMBER_TOO_LARGE),
        (b"1000", Fault.NUMBER_TOO_LARGE),
        (b"-1000", Fault.NUMBER_TOO_LARGE),
        (b"9" * 1_000_000, Fault.NUMBER_TOO_LARGE),
    ],
)
def test_it_is_refused_by_its_code(raw: bytes, fault: Fault) -> None:
    with pytest.raises(DocumentRefused) as refused:
        READER.read(raw)
    assert refused.value.fault is fault


@pytest.mark.parametrize("raw", [b"[[[[1]]]]", b'"[[[[[[["', b'{"a": "}]", "b": "\\"[[[[["}', b"[999, -999, 0.5]"])
def test_it_is_read_as_it_is(raw: bytes) -> None:
    assert READER.read(raw) == json.loads(raw)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (rb'["\u0000"]', Fault.NUL_IN_TEXT),
        (rb'{"\ud800": 1}', Fault.LONE_SURROGATE),
        (rb'{"a": ["\udfff"]}', Fault.LONE_SURROGATE),
        (rb'"\ud83d\ude00"', None),
        (b'"plain"', None),
    ],
)
def test_a_text_that_no_table_holds(raw: bytes, fault: Fault | None) -> None:
    assert unstorable_text(raw, READER.read(raw)) is fault
