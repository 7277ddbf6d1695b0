"""JSON from outside, read once and strictly: what two readers could understand differently is refused.

Refused are NaN and infinities, numbers that do not fit, duplicate keys, deep nesting, and bytes that are not UTF-8.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

DEEPEST = 64
LONGEST_INTEGER = 20

_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


class DocumentRefused(ValueError):
    """The bytes are no JSON document that we read; the text is a reason code."""


def read_document(raw: bytes) -> dict[str, Any]:
    """The JSON object in these bytes. Raises `DocumentRefused`, and nothing else."""
    if not raw:
        raise DocumentRefused("empty")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise DocumentRefused("byte_order_mark")
    if _depth(raw) > DEEPEST:
        raise DocumentRefused("nested_too_deep")
    try:
        document = json.loads(
            raw.decode(),
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_short_integer,
        )
    except UnicodeDecodeError as error:
        raise DocumentRefused("not_utf8") from error
    except json.JSONDecodeError as error:
        raise DocumentRefused("not_json") from error
    if not isinstance(document, dict):
        raise DocumentRefused("not_an_object")
    return document


def unstorable_text(document: object) -> str | None:
    """The reason why a text in the document cannot be stored in PostgreSQL: a NUL or a lone surrogate."""
    for text in _texts(document):
        if "\0" in text:
            return "nul_in_text"
        if any("\ud800" <= character <= "\udfff" for character in text):
            return "lone_surrogate"
    return None


def storable(text: str) -> str:
    """The text without NULs and with lone surrogates replaced."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _depth(raw: bytes) -> int:
    if raw.count(b"{") + raw.count(b"[") <= DEEPEST:
        return 0
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.finditer(raw):
        match token.group():
            case b"{" | b"[":
                depth += 1
                deepest = max(deepest, depth)
            case b"}" | b"]":
                depth -= 1
    return deepest


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise DocumentRefused("duplicate_key")
    return members


def _refuse_constant(_: str) -> None:
    raise DocumentRefused("not_a_number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise DocumentRefused("number_too_large")
    return number


def _short_integer(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise DocumentRefused("number_too_large")
    return int(text)


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
