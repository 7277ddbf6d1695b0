"""How this package opens Redis: every wait bounded, nothing repeated after a timeout."""

from datetime import timedelta

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MasterDownError, ReadOnlyError
from redis.retry import Retry

CONNECT_TIMEOUT = timedelta(seconds=1)
REPLY_TIMEOUT = timedelta(seconds=2)
CONDEMNING = (RedisConnectionError, ReadOnlyError, MasterDownError)
"""What is about the connection and not about the command: it leads to a server that is gone, starts or is a replica,
or that no longer knows us; to be loading and to want a login are kinds of the first.
"""


def connect(url: str) -> Redis:
    """A lazy client for one process or thread group; it opens its first connection at the first command.

    A connection that the server closed while idle, or whose server became a replica, is replaced once, without a
    pause. A timeout is never repeated: the command may have been executed.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT.total_seconds(),
        socket_timeout=REPLY_TIMEOUT.total_seconds(),
        socket_keepalive=True,
        health_check_interval=25,
        retry=Retry(NoBackoff(), 1, supported_errors=CONDEMNING),
        decode_responses=True,
        encoding_errors="replace",  # what somebody else wrote there is data, never an error of ours
    )
