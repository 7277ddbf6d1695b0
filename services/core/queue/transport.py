"""The workers' way out of Redis: kombu's, with each message admitted before it is taken on.

What `admission` makes of a message is what waits unacknowledged and what Celery sees, so no bytes in a queue reach code
that could stumble over them. Two of kombu's methods are replaced whole, since they have no seam; its version is pinned.
"""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from queue import Empty
from typing import Any

from kombu.transport import redis
from kombu.utils.encoding import bytes_to_str

from services.core.queue.admission import admit
from services.core.queue.names import POOLS, Queue

logger = logging.getLogger(__name__)

UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What comes of reading what kombu did not write."""


class QoS(redis.QoS):
    """The unacknowledged messages, each given back to its queue as it is: what can't be read is refused there."""

    channel: Any  # what kombu's classes have and its types leave out
    _remove_from_indices: Callable[..., Any]

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        def move(pipe: Any) -> None:
            entry = pipe.hget(self.unacked_key, tag)
            pipe.multi()
            self._remove_from_indices(tag, pipe)
            if entry:
                queue, message = self._unpacked(entry)
                (pipe.lpush if leftmost else pipe.rpush)(queue, message)

        with self.channel.conn_or_acquire(client) as connected:
            connected.transaction(move, self.unacked_key)

    def _unpacked(self, entry: Any) -> tuple[str, Any]:
        try:
            message, _, queue = json.loads(entry)
            return Queue(queue).value, json.dumps(message)
        except UNREADABLE:
            logger.warning("broker.unacked_unreadable", exc_info=True)
            return next(pool for pool in POOLS if pool.unacked_key == self.unacked_key).queues[0].value, entry


class Channel(redis.Channel):
    """Messages from queues are admitted; a broadcast that is none is logged and dropped, as one that is no JSON is."""

    QoS = QoS
    connection_errors: tuple[type[Exception], ...]
    _queue_cycle: Any
    _flush_brpop_reauth: Callable[[], None]

    def _brpop_read(self, **options: Any) -> bool:
        try:
            try:
                found = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()  # the next round connects anew
                raise
            if not found:
                raise Empty
            key, raw = found
            queue = bytes_to_str(key).rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            self.connection._deliver(admit(_bytes(raw), queue, at=datetime.now(UTC)), queue)
            return True
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()

    def _deliver_fanout_message(self, message: Any, exchange: str) -> bool:
        try:
            return bool(super()._deliver_fanout_message(message, exchange))  # type: ignore[misc]  # not in its types
        except UNREADABLE:
            logger.warning("broker.broadcast_unreadable", exc_info=True)
            return False


class Transport(redis.Transport):
    """kombu's transport for Redis with our channel."""

    Channel = Channel


def _bytes(raw: Any) -> bytes:
    return raw if isinstance(raw, bytes) else str(raw).encode("utf-8", "surrogateescape")
