"""Messages that nobody should have put into a queue: good ones with one thing wrong, and bytes that are none at all."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import Any

from services.core.queue.enqueue import message
from services.core.queue.names import TaskName

HALF = "\ud83d"  # of a surrogate pair
VALUES: list[Any] = [
    None, True, 0, -1, 10**9, 10**40, 0.5, float("inf"), float("nan"), "", "\0", f"a\0{HALF}", HALF, "x" * 10_000,
    [], {}, [[]], [None], {"": {}}, [[[["deep"]]]], "no\0such", "2099-01-01T00:00:00+00:00", "tomorrow", "0001-01-01",
    {"__type__": "datetime", "__value__": "never"}, "application/x-bz2", "application/x-lzma", "zstd", "gzip",
    "application/x-python-serialize", "utf-16", "binary", "process_webhook", "send_campaign_message",
]  # fmt: skip
ARGUMENTS: list[Any] = [
    [[["999999999"]], {}, {}], [[["9" * 30]], {}, {}], [[["x\0y"]], {}, {}], [[[HALF]], {}, {}], [[[1, 2]], {}, {}],
    [["not", "a list"], {}, {}], [[["1"]], {"kwargs": 1}, {}], [[["1"]], {}, None], [[["1"]], [], {}], [[], {}],
    [[["1"]], {}, {"callbacks": [{"task": "debug_task", "args": []}]}], {"args": []}, [[["1"] * 5000], {}, {}], 7, None,
    [[["not a number"]], {}, {}], [[[]], {}, {}], [[], {}, {}], [[["1"], ["2"]], {}, {}], [[{"a": "b"}], {}, {}],
]  # fmt: skip
BYTES: list[bytes] = [
    b"", b"\0garbage", b"\xff\xfe\xfa", b"[]", b"{}", b"null", b"7", b'"text"', b"{", b'{"body": 1}', b"[" * 50_000,
    b'{"a":' * 5_000, b"1" * 6_000, b'{"headers": {"id": "\\ud83d", "task": "\\u0000"}}', b"x" * 5_000_000,
    b'{"headers": [], "properties": [], "body": []}', b'{"properties": {"delivery_tag": {}}}',
]  # fmt: skip


def hostile_messages(random: Random, count: int, *, ids: list[str]) -> Iterator[bytes]:
    """So many messages for the queue `webhooks`; some are harmless all the same."""
    for _ in range(count):
        yield random.choice(MUTATIONS)(random, _good(random, ids))


def _good(random: Random, ids: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(
        message(TaskName.PROCESS_WEBHOOK, [random.choice(ids)], traceparent=None, origin="test")
    )
    return made


def _bytes(random: Random, _good: dict[str, Any]) -> bytes:
    return random.choice(BYTES) + str(random.random()).encode() * random.randint(0, 1)


def _cut(random: Random, good: dict[str, Any]) -> bytes:
    raw = json.dumps(good).encode()
    return raw[: random.randrange(len(raw))]


def _flipped(random: Random, good: dict[str, Any]) -> bytes:
    raw = bytearray(json.dumps(good).encode())
    for _ in range(random.randint(1, 8)):
        raw[random.randrange(len(raw))] = random.randrange(256)
    return bytes(raw)


def _removed(random: Random, good: dict[str, Any]) -> bytes:
    part = random.choice(list(_parts(good)))
    del part[random.choice(list(part))]
    return json.dumps(good).encode()


def _replaced(random: Random, good: dict[str, Any]) -> bytes:
    part = random.choice(list(_parts(good)))
    part[random.choice(list(part))] = random.choice(VALUES)
    return json.dumps(good).encode()


def _added(random: Random, good: dict[str, Any]) -> bytes:
    part = random.choice(list(_parts(good)))
    name = random.choice(["expires", "eta", "timelimit", "shadow", "refused", "chord", "stamps", "errors", "priority"])
    part[name] = random.choice([*VALUES, {"reason": "malformed", "error": "forged"}, [0.001, 0.001]])
    return json.dumps(good).encode()


def _content(random: Random, good: dict[str, Any]) -> bytes:
    return _with_body(good, json.dumps(random.choice(ARGUMENTS)).encode())


def _packed(random: Random, good: dict[str, Any]) -> bytes:
    good["headers"]["compression"] = random.choice(["application/x-gzip", "gzip", "zlib", "application/x-bz2", "none"])
    bomb = _bomb()
    content = base64.b64decode(good["body"])
    packed = [bomb, bomb[:50], gzip.compress(content), zlib.compress(content), gzip.compress(content)[:-9], b"plain"]
    return _with_body(good, random.choice(packed))


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(20_000_000), compresslevel=6)


def _twice(random: Random, good: dict[str, Any]) -> bytes:
    """One delivery tag, or one task id, for many messages."""
    part, name = random.choice([("properties", "delivery_tag"), ("headers", "id")])
    good[part][name] = "taken"
    return _with_body(good, json.dumps(random.choice(ARGUMENTS)).encode())


def _with_body(good: dict[str, Any], body: bytes) -> bytes:
    return json.dumps(good | {"body": base64.b64encode(body).decode()}).encode()


def _parts(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield document
    for value in document.values():
        if isinstance(value, dict) and value:
            yield from _parts(value)


MUTATIONS: list[Callable[[Random, dict[str, Any]], bytes]] = [
    _bytes, _cut, _flipped, _removed, _replaced, _replaced, _added, _content, _content, _packed, _twice,
]  # fmt: skip
