"""JSON from outside, read once and strictly: what two readers could understand differently is refused.

Refused are NaN and infinities, numbers out of range, duplicate keys, deep nesting, and bytes that are not UTF-8.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Fault(StrEnum):
    """What is wrong with a document."""

    EMPTY = "empty"
    BYTE_ORDER_MARK = "byte_order_mark"
    NESTED_TOO_DEEP = "nested_too_deep"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_KEY = "duplicate_key"
    NOT_A_NUMBER = "not_a_number"
    NUMBER_TOO_LARGE = "number_too_large"
    NUL_IN_TEXT = "nul_in_text"
    LONE_SURROGATE = "lone_surrogate"


class DocumentRefused(ValueError):
    """The bytes are no JSON document that we read; the text is the fault's code. `place` is where, if that is known."""

    def __init__(self, fault: Fault, place: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.place = place


@dataclass(frozen=True, slots=True)
class Reader:
    """How deep lists and objects may nest, and how large an integer may be in either direction."""

    deepest: int
    largest: int

    def read(self, raw: bytes) -> Any:
        """The value in these bytes. Raises `DocumentRefused`, and nothing else."""
        if not raw:
            raise DocumentRefused(Fault.EMPTY)
        if raw.startswith(BYTE_ORDER_MARK):
            raise DocumentRefused(Fault.BYTE_ORDER_MARK)
        if self._is_too_deep(raw):
            raise DocumentRefused(Fault.NESTED_TOO_DEEP)
        try:
            return json.loads(
                raw.decode(),
                object_pairs_hook=_unique_keys,
                parse_constant=_refuse_constant,
                parse_float=_finite,
                parse_int=self._bounded,
            )
        except UnicodeDecodeError as error:
            raise DocumentRefused(Fault.NOT_UTF8) from error
        except json.JSONDecodeError as error:
            raise DocumentRefused(Fault.NOT_JSON, f"line {error.lineno}, column {error.colno}") from error

    def _is_too_deep(self, raw: bytes) -> bool:
        if raw.count(b"{") + raw.count(b"[") <= self.deepest:
            return False
        depth = 0
        for token in _STRING_OR_BRACKET.finditer(raw):
            match token.group():
                case b"{" | b"[":
                    depth += 1
                    if depth > self.deepest:
                        return True
                case b"}" | b"]":
                    depth -= 1
        return False

    def _bounded(self, literal: str) -> int:
        # Python reads no more than some thousand digits, and is slow long before.
        if len(literal) > len(str(self.largest)) + 1 or abs(int(literal)) > self.largest:
            raise DocumentRefused(Fault.NUMBER_TOO_LARGE)
        return int(literal)


def unstorable_text(raw: bytes, document: object) -> Fault | None:
    """What a text of the document has that PostgreSQL can't hold: a NUL, or half of a surrogate pair.

    `raw` is what was read: only an escape brings one past the reader.
    """
    if b"\\u" not in raw:
        return None
    for text in _texts(document):
        if (found := _UNSTORABLE.search(text)) is not None:
            return Fault.NUL_IN_TEXT if found.group() == "\0" else Fault.LONE_SURROGATE
    return None


def storable(text: str) -> str:
    """The text without NULs and with lone surrogates replaced."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise DocumentRefused(Fault.DUPLICATE_KEY)
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise DocumentRefused(Fault.NOT_A_NUMBER)


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise DocumentRefused(Fault.NUMBER_TOO_LARGE)
    return number


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, member in value.items():
                yield key
                yield from _texts(member)
        case list():
            for member in value:
                yield from _texts(member)
