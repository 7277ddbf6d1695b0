"""What lies in a queue, read as a worker would."""

import base64
import json
import zlib
from collections.abc import Iterator

from redis import Redis

GZIP_WINDOW = 31


def waiting_ids(redis_url: str, queue: str) -> list[int]:
    """The ids of the queue's tasks, those that a worker takes first at the front."""
    with Redis.from_url(redis_url, decode_responses=True) as client:
        return [id_ for message in reversed(client.lrange(queue, 0, -1)) for id_ in _ids(message)]


def _ids(message: str) -> Iterator[int]:
    envelope = json.loads(message)
    body = base64.b64decode(envelope["body"])
    if "compression" in envelope["headers"]:
        body = zlib.decompress(body, wbits=GZIP_WINDOW)
    [ids], _, _ = json.loads(body)
    yield from map(int, ids)
