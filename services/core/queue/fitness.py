"""Whether this Redis lets us work, asked before the work: every command that we need, on the keys that it is for.

They are queued in a transaction that is then discarded: the server judges each as it comes, and none is carried out.
"""

import ssl
from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.client import PubSub
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    BusyLoadingError,
    MasterDownError,
    NoPermissionError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from services.core.queue.connection import REPLY_TIMEOUT, connect
from services.core.queue.names import POOLS

SETTING = "ATTACKACRACK_REDIS_URL"
RULES = "~* &* +@all -@admin -@dangerous +info"
"""What an ACL user of ours needs; PSUBSCRIBE is why it is every channel."""

PASSING = (BusyLoadingError, MasterDownError, ReadOnlyError, TryAgainError)
"""A server that starts, or is a replica just now: a failover ends that."""

REFUSED_LOGIN = (AuthenticationError, AuthenticationWrongNumberOfArgsError)
CHANNEL = "/0.celery.pidbox"
Command = tuple[str | int, ...]


class BrokerRefused(Exception):
    """As the settings are, Redis will never do what we need: the text names the setting and what to change."""


def check_broker(url: str) -> bool:
    """Whether Redis answered; one that is away, starting or failing over is no refusal. Raises `BrokerRefused`."""
    try:
        with connect(url) as redis:
            _try(redis)
    except PASSING:
        return False
    except RedisError as error:
        if remedy := refusal_of(error):
            raise BrokerRefused(f"{SETTING}: {remedy}") from None
        return False
    return True


def refusal_of(error: BaseException) -> str | None:
    """What the settings must change; `None` where it may pass by itself. Never with the server's words: it quotes."""
    match error:
        case NoPermissionError():
            return f"its user may not do all that we need: ACL SETUSER <user> {RULES}"
        case _ if isinstance(error, REFUSED_LOGIN):
            return "user and password are not accepted"
        case ResponseError() if not isinstance(error, PASSING):
            said = str(error)
            if said.startswith(("MOVED", "CROSSSLOT", "ASK")) or "cluster mode" in said:
                return "this is a Redis Cluster: name a single server, a cluster has no transactions over all keys"
            if "DB index" in said:
                return "there is no such database: name 0, or a lower number"
            return None
        case _ if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
            return "the server's certificate is not trusted here: add ?ssl_ca_certs=<file of the CA>"
        case _:
            return None


def _try(redis: Redis) -> None:
    connection: Any = redis.connection_pool.get_connection()
    try:
        _say(connection, "MULTI")
        for command in _commands():
            _say(connection, *command)
        _say(connection, "DISCARD")
    finally:
        connection.disconnect()
        redis.connection_pool.release(connection)
    with PubSub(redis.connection_pool) as channels:
        channels.psubscribe(CHANNEL)
        channels.get_message(timeout=REPLY_TIMEOUT.total_seconds())


def _say(connection: Any, *command: str | int) -> None:
    connection.send_command(*command)
    connection.read_response()


def _commands() -> Iterator[Command]:
    for pool in POOLS:
        for queue in pool.queues:
            yield from (("LPUSH", queue, ""), ("LLEN", queue), ("BRPOP", queue, 1), ("DEL", queue))
        for verb in ("HSET", "HGET", "HDEL", "HLEN"):
            yield (verb, pool.unacked_key, "", "")[: {"HLEN": 2, "HSET": 4}.get(verb, 3)]
        yield from (("ZADD", pool.unacked_index_key, 0, ""), ("ZREM", pool.unacked_index_key, ""))
        yield ("ZREVRANGEBYSCORE", pool.unacked_index_key, 0, 0)
        yield from (("SET", pool.unacked_mutex_key, ""), ("GET", pool.unacked_mutex_key))
    for verb in ("SADD", "SREM"):
        yield (verb, "_kombu.binding.celery", "")
    yield ("SMEMBERS", "_kombu.binding.celery")
    yield from (("SETEX", "celery-task-meta-", 1, ""), ("PUBLISH", "celery-task-meta-", ""))
    yield from (("EVAL", "return 1", 1, "throttle:"), ("EVALSHA", "0", 1, "throttle:"), ("SCRIPT", "LOAD", "return 1"))
    yield from (("EVAL", "return 1", 1, "witness:"), ("EVALSHA", "0", 1, "witness:"))
    yield from (("HMGET", "witness:", ""), ("HSET", "witness:", "", ""))
    yield from (("HMGET", "throttle:", ""), ("TIME",), ("INFO", "server"), ("PING",))
    yield ("PUBLISH", CHANNEL, "")
