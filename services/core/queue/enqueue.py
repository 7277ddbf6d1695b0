"""Publish tasks by name, ids only, within a known time; the message is the one Celery's second protocol describes.

It is written directly: Celery's own producer may hold a caller for eight seconds, opens a client per message and
leaves a dead span behind after a failure. One variadic push carries hundreds of messages.

Each task gets a producer span. A task about one row continues that row's trace; one about several can't continue all
of theirs, so it is in the trace of whoever publishes, and linked to each.
"""

import base64
import json
import time
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, cast
from uuid import uuid4

from redis.exceptions import RedisError

from services.core.queue.connection import connect
from services.core.queue.names import RESULT_TASKS, TASK_QUEUES, TaskName, pool_of
from services.core.runtime import tracing
from services.core.runtime.settings import Settings
from services.core.runtime.telemetry import Attribute, SpanName

MESSAGES_PER_PUSH = 500
COMPRESSED_ABOVE = 2048  # bytes; below it gzip makes a message larger
GZIP_WINDOW = 31

QUEUED_AT_MOST = 1000
"""Tasks in a queue above which further rows wait in the database, and not in the queue as well."""

LOOKED_AT = 5 * QUEUED_AT_MOST
LONGEST_ID = 18  # digits
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, zlib.error)
PUSH_UP_TO = """
-- Push messages (ARGV from the second on) while the queue holds fewer than ARGV[1]; answers how many went in.
local room = tonumber(ARGV[1]) - redis.call('LLEN', KEYS[1])
for i = 2, #ARGV do
  if i - 1 > room then return i - 2 end
  redis.call('LPUSH', KEYS[1], ARGV[i])
end
return #ARGV - 1
"""


class BrokerUnavailable(Exception):
    """The broker did not take the messages within its time, or took them and could not say so. Publish again later."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Batch:
    """The ids that one task gets, and the traceparents of the rows they stand for, where those have one."""

    ids: Sequence[str]
    traces: Sequence[str | None] = ()


@dataclass(frozen=True, slots=True)
class Queued:
    """What the broker holds of one task: whoever publishes leaves it out, else a retry feeds the queue it waits for.

    `tasks` and their `ids` are in the queue or with a worker; `waiting` is the queue's length, whatever is in it.
    Where that is more than anybody looked at, `is_whole` is false, and nothing may be taken for lost.
    """

    tasks: int
    ids: frozenset[int]
    waiting: int
    is_whole: bool

    @property
    def room(self) -> int:
        """How many tasks more the queue should hold."""
        return max(0, QUEUED_AT_MOST - self.waiting)


class Broker:
    """A way into the queues; safe to share between threads and to keep across a fork.

    Every call ends within three seconds: refused connections at once, a silent broker after connecting (1 s) and
    waiting for the answer (2 s).
    """

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings.redis_url.get_secret_value())
        self._push_up_to = self._redis.register_script(PUSH_UP_TO)
        self._origin = settings.service_name

    def enqueue(self, name: TaskName, args: Sequence[str], *, traceparent: str | None = None) -> None:
        """Publish one task on its queue; `args` are the ids that it gets as one list.

        Raises `BrokerUnavailable`; the task may then be queued all the same, so work is guarded by its rows.
        """
        self.enqueue_many(name, [Batch(args, (traceparent,))])

    def enqueue_many(self, name: TaskName, batches: Iterable[Batch]) -> None:
        """Publish one task for each batch of ids, hundreds to a round trip; raises as `enqueue`, after some or none."""
        waiting = iter(batches)
        while chunk := list(islice(waiting, MESSAGES_PER_PUSH)):
            self._push(name, chunk)

    def enqueue_up_to(self, name: TaskName, batches: Sequence[Batch], *, length: int = QUEUED_AT_MOST) -> int:
        """Publish the first of the batches until the queue holds `length` tasks; how many. Raises as `enqueue`."""
        waiting, taken = iter(batches), 0
        while chunk := list(islice(waiting, MESSAGES_PER_PUSH)):
            pushed = self._push(name, chunk, length=length)
            taken += pushed
            if pushed < len(chunk):
                break
        return taken

    def queued(self, name: TaskName, *, lost_after: timedelta) -> Queued:
        """What is in the queue of `name`, or has been with a worker for less than `lost_after`.

        Raises `BrokerUnavailable`.
        """
        queue = TASK_QUEUES[name]
        pool = pool_of(queue)
        try:
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.llen(queue)
                pipeline.lrange(queue, -LOOKED_AT, -1)
                pipeline.zrangebyscore(pool.unacked_index_key, time.time() - lost_after.total_seconds(), "+inf")
                pipeline.hgetall(pool.unacked_key)
                waiting, messages, tags, unacked = pipeline.execute()
        except RedisError as error:
            raise BrokerUnavailable(str(error)) from error
        held = (_delivered(unacked[tag]) for tag in tags if tag in unacked)
        tasks = [ids for task, ids in map(read_message, [*messages, *held]) if task == name]
        ids = frozenset(
            int(id_) for ids in tasks for id_ in ids if id_.isascii() and id_.isdecimal() and len(id_) <= LONGEST_ID
        )
        return Queued(len(tasks), ids, waiting, waiting <= LOOKED_AT)

    def _push(self, name: TaskName, batches: Sequence[Batch], *, length: int | None = None) -> int:
        # None of the spans is ever current, so a push that fails leaves nothing behind.
        spans = [_producer_span(name, batch) for batch in batches]
        messages = [
            message(name, batch.ids, traceparent=span.traceparent, origin=self._origin)
            for batch, span in zip(batches, spans, strict=True)
        ]
        try:
            if length is not None:
                return cast(int, self._push_up_to(keys=[TASK_QUEUES[name]], args=[length, *messages]))
            self._redis.lpush(TASK_QUEUES[name], *messages)
            return len(messages)
        except RedisError as error:
            for span in spans:
                span.fail(type(error).__name__)
            raise BrokerUnavailable(str(error)) from error
        finally:
            for span in spans:
                span.end()

    def ping(self) -> None:
        """Raise `BrokerUnavailable` unless the broker answers."""
        try:
            self._redis.ping()
        except RedisError as error:
            raise BrokerUnavailable(str(error)) from error

    def close(self) -> None:
        self._redis.close()


def _producer_span(name: TaskName, batch: Batch) -> tracing.ActiveSpan:
    queue = TASK_QUEUES[name].value
    return tracing.begin(
        f"{SpanName.SEND_TASK} {queue}",
        {
            Attribute.MESSAGING_SYSTEM: "celery",
            Attribute.MESSAGING_OPERATION: "send",
            Attribute.MESSAGING_OPERATION_TYPE: "send",
            Attribute.MESSAGING_QUEUE: queue,
            Attribute.TASK: name.value,
            Attribute.TASK_IDS: len(batch.ids),
        },
        parent=batch.traces[0] if len(batch.traces) == 1 else None,
        links=batch.traces if len(batch.traces) > 1 else (),
        kind=tracing.SpanKind.PRODUCER,
    )


def message(name: TaskName, ids: Sequence[str], *, traceparent: str | None, origin: str) -> str:
    """One task as it lies in a queue."""
    if isinstance(ids, str):
        raise TypeError("ids are a list of texts, not one text")
    args = [list(ids)]
    task_id = str(uuid4())
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    body, compression = _body(json.dumps([args, {}, embed]).encode())
    envelope: dict[str, Any] = {
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": name.value,
            "id": task_id,
            "root_id": task_id,
            "parent_id": None,
            "group": None,
            "eta": None,
            "expires": None,
            "retries": 0,
            "timelimit": [None, None],
            "argsrepr": f"({len(ids)} ids)",
            "kwargsrepr": "{}",
            "origin": origin,
            "ignore_result": name not in RESULT_TASKS,
        }
        | ({"traceparent": traceparent} if traceparent else {})
        | compression,
        "properties": {
            "correlation_id": task_id,
            "reply_to": "",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": TASK_QUEUES[name].value},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
    }
    return json.dumps(envelope)


def read_message(text: str) -> tuple[str, tuple[str, ...]]:
    """The task and the ids of a message of ours, as `message` writes it; of any other, an empty name and no ids."""
    with suppress(*UNREADABLE):
        envelope = json.loads(text)
        body = base64.b64decode(envelope["body"])
        if "compression" in envelope["headers"]:
            body = zlib.decompress(body, wbits=GZIP_WINDOW)
        arguments = json.loads(body)[0]
        return envelope["headers"]["task"], tuple(map(str, arguments[0] if arguments else ()))
    return "", ()


def _delivered(held: str) -> str:
    """The message within what kombu keeps of a delivery until it is acknowledged."""
    with suppress(*UNREADABLE):
        return json.dumps(json.loads(held)[0])
    return ""


def _body(content: bytes) -> tuple[str, dict[str, str]]:
    if len(content) <= COMPRESSED_ABOVE:
        return base64.b64encode(content).decode(), {}
    packed = zlib.compress(content, wbits=GZIP_WINDOW)
    return base64.b64encode(packed).decode(), {"compression": "application/x-gzip"}
