"""JSON that PostgreSQL can hold: stricter than the standard library's reader, and never an error of ours."""

import json
import math
import re
from typing import Any, NoReturn

from services.core.domain.failures import RefusedInput

DEPTH_AT_MOST = 16
LARGEST = 2**63 - 1
DIGITS_AT_MOST = 20
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def read_json(raw: bytes) -> Any:
    """The document. Raises `RefusedInput`: 400 for what is no JSON, 422 for values that nothing here can hold."""
    try:
        document = json.loads(
            raw.decode("utf-8"),
            parse_constant=_refuse_number,
            parse_float=_finite,
            parse_int=_bounded,
            object_pairs_hook=_unique,
        )
    except UnicodeDecodeError as error:
        raise RefusedInput("body_not_utf8", "the body is not UTF-8", status=400) from error
    except json.JSONDecodeError as error:
        detail = f"the body is not JSON (line {error.lineno}, column {error.colno})"
        raise RefusedInput("body_not_json", detail, status=400) from error
    except RecursionError as error:
        raise _too_deep() from error
    _check(document)
    return document


def _refuse_number(_literal: str) -> NoReturn:
    raise RefusedInput("number_out_of_range", "a number in the body is not finite or too large")


def _finite(literal: str) -> float:
    number = float(literal)
    return number if math.isfinite(number) else _refuse_number(literal)


def _bounded(literal: str) -> int:
    number = int(literal) if len(literal) <= DIGITS_AT_MOST else LARGEST + 1
    return number if abs(number) <= LARGEST else _refuse_number(literal)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RefusedInput("key_repeated", "an object of the body names a key twice", status=400)
    return found


def _check(document: Any) -> None:
    """Refuse texts that PostgreSQL can't hold, and nesting that nobody means."""
    level = [document]
    for _ in range(DEPTH_AT_MOST):
        if any(isinstance(value, str) and UNSTORABLE.search(value) for value in level):
            raise RefusedInput("text_unreadable", "a text in the body has a NUL or half of a surrogate pair")
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise _too_deep()


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _too_deep() -> RefusedInput:
    return RefusedInput("body_too_deep", f"the body nests deeper than {DEPTH_AT_MOST} levels", status=400)
