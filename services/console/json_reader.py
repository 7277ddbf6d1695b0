"""A body's JSON that PostgreSQL can hold, or a problem that says what is wrong with it."""

from typing import Any

from services.core.domain.failures import RefusedInput
from services.core.domain.json_documents import DocumentRefused, Fault, Reader, unstorable_text

DEPTH_AT_MOST = 16
LARGEST = 2**63 - 1
READER = Reader(deepest=DEPTH_AT_MOST, largest=LARGEST)


def read_json(raw: bytes) -> Any:
    """The document. Raises `RefusedInput`: 400 for what is no JSON, 422 for values that nothing here can hold."""
    try:
        document = READER.read(raw)
        if (fault := unstorable_text(raw, document)) is not None:
            raise DocumentRefused(fault)
    except DocumentRefused as refused:
        raise _problem(refused) from refused
    return document


def _problem(refused: DocumentRefused) -> RefusedInput:
    match refused.fault:
        case Fault.NOT_UTF8:
            return RefusedInput("body_not_utf8", "the body is not UTF-8", status=400)
        case Fault.NESTED_TOO_DEEP:
            detail = f"the body nests deeper than {DEPTH_AT_MOST} levels"
            return RefusedInput("body_too_deep", detail, status=400)
        case Fault.DUPLICATE_KEY:
            return RefusedInput("key_repeated", "an object of the body names a key twice", status=400)
        case Fault.NOT_A_NUMBER | Fault.NUMBER_TOO_LARGE:
            return RefusedInput("number_out_of_range", "a number in the body is not finite or too large")
        case Fault.NUL_IN_TEXT | Fault.LONE_SURROGATE:
            return RefusedInput("text_unreadable", "a text in the body has a NUL or half of a surrogate pair")
        case _:
            where = f" ({refused.place})" if refused.place else ""
            return RefusedInput("body_not_json", f"the body is not JSON{where}", status=400)
