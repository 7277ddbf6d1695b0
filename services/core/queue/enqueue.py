"""Publish tasks by name, ids only, within a known time; the message is the one Celery's second protocol describes.

It is written directly: Celery's own producer may hold a caller for eight seconds, opens a client per message and
leaves a dead span behind after a failure. One variadic push carries hundreds of messages.

Each task gets a producer span. A task about one row continues that row's trace; one about several can't continue all
of theirs, so it is in the trace of whoever publishes, and linked to each.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import uuid4

from redis.exceptions import RedisError

from services.core.queue.connection import connect
from services.core.queue.names import RESULT_TASKS, TASK_QUEUES, TaskName
from services.core.runtime import tracing
from services.core.runtime.settings import Settings
from services.core.runtime.telemetry import Attribute, SpanName

MESSAGES_PER_PUSH = 500
COMPRESSED_ABOVE = 2048  # bytes; below it gzip makes a message larger
GZIP_WINDOW = 31


class BrokerUnavailable(Exception):
    """The broker did not take the messages within its time, or took them and could not say so. Publish again later."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Batch:
    """The ids that one task gets, and the traceparents of the rows they stand for, where those have one."""

    ids: Sequence[str]
    traces: Sequence[str | None] = ()


class Broker:
    """A way into the queues; safe to share between threads and to keep across a fork.

    Every call ends within three seconds: refused connections at once, a silent broker after connecting (1 s) and
    waiting for the answer (2 s).
    """

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings.redis_url.get_secret_value())
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

    def _push(self, name: TaskName, batches: Sequence[Batch]) -> None:
        # None of the spans is ever current, so a push that fails leaves nothing behind.
        spans = [_producer_span(name, batch) for batch in batches]
        messages = (
            message(name, batch.ids, traceparent=span.traceparent, origin=self._origin)
            for batch, span in zip(batches, spans, strict=True)
        )
        try:
            self._redis.lpush(TASK_QUEUES[name], *messages)
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


def _body(content: bytes) -> tuple[str, dict[str, str]]:
    if len(content) <= COMPRESSED_ABOVE:
        return base64.b64encode(content).decode(), {}
    packed = zlib.compress(content, wbits=GZIP_WINDOW)
    return base64.b64encode(packed).decode(), {"compression": "application/x-gzip"}
