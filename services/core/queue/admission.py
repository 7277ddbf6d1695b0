"""What lies in a queue, read before anything else sees it: a task as this project publishes them, or a refusal.

Anybody who reaches Redis can put anything there, and a fault of it must not end a worker or be mistaken for an outage.
So the message that Celery gets is written anew from the few values that were checked; what is not read here goes no
further. A refusal is a message as well: it waits unacknowledged until its dead letter is written, and survives its
worker.
"""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from services.core.domain.storable import MOST_ARGUMENTS, storable_text
from services.core.queue.names import GaveUp
from services.core.queue.times import MAX_ATTEMPTS
from services.core.runtime.durations import LONGEST_COUNTDOWN

LONGEST_MESSAGE = 64 * 1024
"""Bytes, as it lies in the queue and unpacked; fifty ids take one or two thousand."""

LONGEST_TEXT = 255
MOST_SHOWN = 20
REFUSED = "refused"
"""The header that only refusals have: `{"reason": ..., "error": ...}`."""

REASONS = (GaveUp.MALFORMED, GaveUp.UNDECODABLE)
EITHER_WRAPPER = 47  # zlib's word for: gzip's or its own
EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Malformed(ValueError):
    """The message is readable and not one that this project publishes."""


class Undecodable(ValueError):
    """The message, or what it carries, can't be read at all."""


def admit(raw: bytes, queue: str, *, at: datetime) -> dict[str, Any]:
    """The envelope that Celery may see for these bytes from this queue; never raises for anything in them.

    `at` (aware, real time) is what a countdown is measured against.
    """
    try:
        envelope = _parsed(raw, "the message")
        headers = _dictionary(envelope, "headers")
        refusal = headers.get(REFUSED)
        if refusal is not None:
            return _refused_before(refusal, headers, envelope, queue)
        ids = _ids(_content(envelope, headers))
        return _envelope(_headers(headers, ids, at=at), [ids] if ids is not None else [], queue)
    except Malformed as error:
        return _refusal(raw, queue, GaveUp.MALFORMED, error)
    except Undecodable as error:
        return _refusal(raw, queue, GaveUp.UNDECODABLE, error)


def _parsed(raw: bytes, what: str) -> dict[str, Any]:
    document = _json(raw, what)
    if not isinstance(document, dict):
        raise Malformed(f"{what} is not an object")
    return document


def _json(raw: bytes, what: str) -> Any:
    if len(raw) > LONGEST_MESSAGE:
        raise Malformed(f"{what} has {len(raw)} bytes, {LONGEST_MESSAGE} are the most")
    try:
        return json.loads(raw.decode())
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError too
        raise Undecodable(f"{what} is no JSON: {type(error).__name__}") from error


def _content(envelope: dict[str, Any], headers: dict[str, Any]) -> Any:
    """The body, decoded: `[args, kwargs, embed]`."""
    if envelope.get("content-type") != "application/json" or envelope.get("content-encoding") != "utf-8":
        raise Malformed("the content is not JSON in UTF-8")
    body, encoding = envelope.get("body"), _dictionary(envelope, "properties").get("body_encoding")
    if not isinstance(body, str) or encoding != "base64":
        raise Malformed("the body is not in base64")
    try:
        packed = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Undecodable("the body is not in base64") from error
    match headers.get("compression"):
        case None:
            return _json(packed, "the body")
        case "application/x-gzip":
            return _json(_unpacked(packed), "the body")
    raise Malformed("the body is compressed by other means than gzip")


def _unpacked(packed: bytes) -> bytes:
    """At most one byte more than may be read, whatever a few bytes would unfold to."""
    reader = zlib.decompressobj(EITHER_WRAPPER)
    try:
        content = reader.decompress(packed, LONGEST_MESSAGE + 1)
    except zlib.error as error:
        raise Undecodable("the body is no gzip") from error
    if not reader.eof and len(content) <= LONGEST_MESSAGE:
        raise Undecodable("the gzip ends too early")
    return content


def _ids(content: Any) -> list[str] | None:
    """The one list of ids that a task gets, or `None` for a task without."""
    match content:
        case [[], {**kwargs}, _] if not kwargs:
            ids = None
        case [[list() as ids], {**kwargs}, _] if not kwargs and len(ids) <= MOST_ARGUMENTS:
            for each in ids:
                _text(each, "an id")
        case _:
            raise Malformed("the body is not [[ids], {}, embed]")
    embed = content[2]
    if not isinstance(embed, dict) or any(value not in (None, [], {}) for value in embed.values()):
        raise Malformed("a task has no callbacks, chains or chords here")
    return ids


def _headers(given: dict[str, Any], ids: list[str] | None, *, at: datetime) -> dict[str, Any]:
    task_id = _text(given.get("id"), "the task id")
    traceparent = given.get("traceparent")
    is_traced = isinstance(traceparent, str) and TRACEPARENT.fullmatch(traceparent)
    if given.get("expires") is not None or given.get("timelimit") not in (None, [None, None]):
        raise Malformed("a task has no time of its own to expire or to end in")
    return {
        "lang": "py",
        "task": _text(given.get("task"), "the task name"),
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "eta": _eta(given.get("eta"), at=at),
        "expires": None,
        "retries": _retries(given.get("retries")),
        "timelimit": [None, None],
        "argsrepr": f"({len(ids or [])} ids)",
        "kwargsrepr": "{}",
        "origin": storable_text(str(given.get("origin")), longest=LONGEST_TEXT),
        "ignore_result": given.get("ignore_result") is not False,
    } | ({"traceparent": traceparent} if is_traced else {})


def _retries(given: object) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < MAX_ATTEMPTS:
        raise Malformed(f"retries is not a number from 0 to {MAX_ATTEMPTS - 1}")
    return given


def _eta(given: object, *, at: datetime) -> str | None:
    if given is None:
        return None
    try:
        due = datetime.fromisoformat(_text(given, "eta"))
        due = due.astimezone(UTC) if due.tzinfo else due.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed("eta is no time") from error
    if due - at > 2 * LONGEST_COUNTDOWN:
        raise Malformed(f"the broker does not wait until {due:%Y-%m-%d %H:%M:%S}")
    return due.isoformat() if due > at else None


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT or storable_text(value) != value:
        raise Malformed(f"{what} is not a text of 1 to {LONGEST_TEXT} storable characters")
    return value


def _dictionary(envelope: dict[str, Any], name: str) -> dict[str, Any]:
    value = envelope.get(name)
    if not isinstance(value, dict):
        raise Malformed(f"{name} is not an object")
    return value


def _refusal(raw: bytes, queue: str, reason: str, error: Exception) -> dict[str, Any]:
    """The same bytes have the same id, so that what comes a million times is one dead letter."""
    name, shown = _seen(raw)
    return _refusal_envelope(str(UUID(bytes=sha256(raw).digest()[:16])), name, reason, str(error), shown, queue)


def _refused_before(refusal: object, headers: dict[str, Any], envelope: dict[str, Any], queue: str) -> dict[str, Any]:
    """A refusal that came back, since its worker ended before the letter was written."""
    if not isinstance(refusal, dict) or refusal.get("reason") not in REASONS:
        raise Malformed("a refusal that is not ours")
    ids = _ids(_content(envelope, headers | {"compression": None}))
    name, error = (storable_text(str(each)) for each in (headers.get("task"), refusal.get("error")))
    return _refusal_envelope(_text(headers.get("id"), "the task id"), name, refusal["reason"], error, ids or [], queue)


def _refusal_envelope(
    task_id: str, name: str, reason: str, error: str, picture: list[str], queue: str
) -> dict[str, Any]:
    headers = {"task": name, "id": task_id, "retries": 0, REFUSED: {"reason": reason, "error": error}}
    return _envelope(headers, [picture], queue)


def _seen(raw: bytes) -> tuple[str, list[str]]:
    """The name that the message goes by, if any, and its ids or else how it begins: enough to find out who sent it."""
    name, shown = "", [raw[:LONGEST_TEXT].decode("utf-8", "backslashreplace")]
    try:
        envelope = _parsed(raw, "the message")
        headers = _dictionary(envelope, "headers")
        name = str(headers.get("task") or "")
        match _content(envelope, headers):
            case [[list() as ids], *_]:
                shown = _shown(ids)
            case [list() as args, *_]:
                shown = _shown(args)
    except (Malformed, Undecodable):
        pass  # that is why it is refused; this is only its picture
    texts = (storable_text(each, longest=LONGEST_TEXT) for each in shown)
    return storable_text(name, longest=LONGEST_TEXT), [each for each in texts if each]


def _shown(values: Sequence[object]) -> list[str]:
    shown = [each if isinstance(each, str) else json.dumps(each) for each in values[:MOST_SHOWN]]
    return shown if len(values) <= MOST_SHOWN else [*shown, f"... {len(values)} in all"]


def _envelope(headers: dict[str, Any], args: list[Any], queue: str) -> dict[str, Any]:
    """Every delivery has a tag of its own: two copies of a message must not share one acknowledgement."""
    return {
        "body": base64.b64encode(json.dumps([args, {}, EMBED], ensure_ascii=False).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {
            "correlation_id": headers["id"],
            "reply_to": "",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
    }
