"""What the queues hold and who is working: read from Redis and asked of the workers themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from services.core.queue.app import QueueApp, configuration
from services.core.queue.connection import connect
from services.core.queue.enqueue import BrokerUnavailable
from services.core.queue.names import POOLS, Pool, Queue
from services.core.runtime.settings import Settings

ANSWER_TIMEOUT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Tasks waiting in one queue, and which pool consumes it."""

    queue: Queue
    pool: str
    waiting: int


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """Tasks that a pool's workers hold: running, or waiting for a retry. More than that means a dead worker's."""

    pool: str
    unacked: int


@dataclass(frozen=True, slots=True)
class RunningTask:
    task_id: str
    name: str
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker that answered; `hostname` is `<pool>@<host>`."""

    hostname: str
    pool: str
    running: tuple[RunningTask, ...]


class Inspector:
    """Questions about the broker; each raises `BrokerUnavailable` when Redis does not answer in time."""

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings.redis_url.get_secret_value())
        self._settings = settings

    def depths(self) -> tuple[QueueDepth, ...]:
        """One row per queue, read in one transaction."""
        waiting = self._read([("LLEN", queue.value) for pool in POOLS for queue in pool.queues])
        names = [(queue, pool.name) for pool in POOLS for queue in pool.queues]
        return tuple(QueueDepth(queue, pool, count) for (queue, pool), count in zip(names, waiting, strict=True))

    def loads(self) -> tuple[PoolLoad, ...]:
        """One row per pool."""
        unacked = self._read([("HLEN", pool.unacked_key) for pool in POOLS])
        return tuple(PoolLoad(pool.name, count) for pool, count in zip(POOLS, unacked, strict=True))

    def waiting(self, queue: Queue) -> int:
        return self._read([("LLEN", queue.value)])[0]

    def unacked(self, pool: Pool) -> int:
        return self._read([("HLEN", pool.unacked_key)])[0]

    def workers(self, *, timeout: timedelta = ANSWER_TIMEOUT) -> tuple[WorkerState, ...]:
        """The workers that answer within `timeout`, with what they run now."""
        with QueueApp("inspection", set_as_current=False) as app:
            app.conf.update(configuration(self._settings, None))
            try:
                answers = app.control.inspect(timeout=timeout.total_seconds()).active() or {}
            except (OperationalError, RedisError, OSError) as error:
                raise BrokerUnavailable(str(error)) from error
        return tuple(
            WorkerState(hostname, hostname.partition("@")[0], tuple(map(_running, tasks)))
            for hostname, tasks in sorted(answers.items())
        )

    def purge(self, queue: Queue) -> int:
        """Empty a queue and answer how many tasks it held. The sweep publishes what is still due."""
        held, _ = self._read([("LLEN", queue.value), ("DEL", queue.value)])
        return held

    def close(self) -> None:
        self._redis.close()

    def _read(self, commands: list[tuple[str, str]]) -> list[int]:
        try:
            with self._redis.pipeline(transaction=True) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return pipeline.execute()
        except RedisError as error:
            raise BrokerUnavailable(str(error)) from error


def _running(task: Mapping[str, Any]) -> RunningTask:
    started = task.get("time_start")
    return RunningTask(task["id"], task["name"], datetime.fromtimestamp(started, UTC) if started else None)
