"""The task base: counts each delivery before the work, retries what may heal, keeps the rest as a dead letter.

A task is delivered again when its process died, when its journal could not write, or when the broker lost sight of
its worker. So an entry point receives ids only, and its rows decide whether there is anything left to do.
"""

from __future__ import annotations

import inspect
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, TypeVar

from celery import Task
from celery.exceptions import Reject, Retry, SoftTimeLimitExceeded
from kombu.exceptions import OperationalError as KombuOperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.core.domain.retry import backoff
from services.core.queue import busy
from services.core.queue.app import app
from services.core.queue.instruments import TASK_DURATION
from services.core.queue.journal import journal
from services.core.queue.names import CANARIES, RESULT_TASKS, GaveUp, Pool, TaskName
from services.core.queue.times import MAX_ATTEMPTS
from services.core.runtime import metering

logger = logging.getLogger(__name__)

MAX_DEATHS = 3
TRANSIENT = (ConnectionError, TimeoutError, KombuOperationalError, RedisConnectionError, RedisTimeoutError)
TRANSIENT_NAMES = {"OperationalError", "InterfaceError"}  # PEP 249's names, which every database driver uses

EntryPoint = TypeVar("EntryPoint", bound=Callable[..., object])


class TaskGaveUp(Exception):
    """The work was put aside as a dead letter; the text is its reason. It marks the task failed for observers."""


class Unwell(Exception):
    """Stands for an error in what Celery tells logs, events and spans: its own words may hold what must not leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One arrival of a task in a pool process."""

    task_id: str
    name: str
    args: list[object]
    retries: int
    traceparent: str | None

    def give_up(self, *, reason: str, error: str, attempts: int, seconds: float | None = None) -> None:
        journal().gave_up(
            task_id=self.task_id,
            name=self.name,
            args=self.args,
            reason=reason,
            error=error,
            attempts=attempts,
            traceparent=self.traceparent,
            seconds=seconds,
        )
        logger.error("task.gave_up", extra={"task_id": self.task_id, "task": self.name, "reason": reason})


def task(name: TaskName) -> Callable[[EntryPoint], EntryPoint]:
    """Register an entry point under its public name and return it unchanged.

    It takes the list of ids, or nothing. An exception whose `retryable` is true, or a lost connection, is retried
    within 30 seconds up to eight attempts; everything else is a dead letter at once.
    """

    def register(entry_point: EntryPoint) -> EntryPoint:
        takes_ids = bool(inspect.signature(entry_point).parameters)

        @app.task(bind=True, name=name.value, ignore_result=name not in RESULT_TASKS, max_retries=None, shared=False)
        def run(self: Task[Any, Any], /, *args: object, **kwargs: object) -> object:
            work = (lambda: entry_point(ids_of(args, kwargs))) if takes_ids else entry_point
            try:
                with busy.working():
                    return _measured(self, _delivery(self, args), work)
            except (Retry, Reject, TaskGaveUp):
                raise
            except Exception as error:
                # Whatever kept the journal from writing, the message goes back: nothing may disappear. It can't be the
                # message: that was admitted, and the journal escapes what it is told of errors.
                logger.exception("task.put_back", extra={"task_id": self.request.id, "task": name.value})
                raise _put_back(error) from error

        return entry_point

    return register


def register_canaries(pool: Pool) -> None:
    """Register the task that does nothing for each of the pool's queues: its history shows that the queue is served."""
    for queue in pool.queues:

        @task(CANARIES[queue])
        def canary() -> None: ...


def ids_of(args: Sequence[object], kwargs: Mapping[str, object]) -> list[str]:
    """The ids of a message. Raises `TypeError` when it carries anything but one list of texts."""
    ids = args[0] if len(args) == 1 else []
    if kwargs or len(args) > 1 or not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise TypeError("a task takes one list of ids, and ids are texts")
    return ids


def is_retryable(error: BaseException) -> bool:
    """Whether the same work may succeed later: the exception says so itself, else lost connections and timeouts."""
    decided = getattr(error, "retryable", None)
    if isinstance(decided, bool):
        return decided
    return isinstance(error, TRANSIENT) or any(kind.__name__ in TRANSIENT_NAMES for kind in type(error).__mro__)


def _delivery(task: Task[Any, Any], args: Sequence[object]) -> Delivery:
    request = task.request
    carried = args[0] if len(args) == 1 and isinstance(args[0], list) else list(args)
    return Delivery(
        task_id=str(request.id),
        name=str(task.name),
        args=carried,
        retries=request.retries,
        traceparent=request.get("traceparent"),
    )


def _measured(task: Task[Any, Any], delivery: Delivery, work: Callable[[], object]) -> object:
    began, end = monotonic(), "put_back"
    try:
        result = _attempt(task, delivery, work)
        end = "succeeded"
    except Retry:
        end = "retry"
        raise
    except TaskGaveUp:
        end = "gave_up"
        raise
    finally:
        metering.observe(TASK_DURATION, monotonic() - began, delivery.name, end)
    return result


def _attempt(task: Task[Any, Any], delivery: Delivery, work: Callable[[], object]) -> object:
    """Run the work once; what comes out of the journal's own calls is left to the caller."""
    deliveries = journal().started(
        task_id=delivery.task_id, name=delivery.name, args=delivery.args, traceparent=delivery.traceparent
    )
    if deliveries - delivery.retries > MAX_DEATHS:
        died = f"delivered {deliveries} times, its process died or was lost each time"
        delivery.give_up(reason=GaveUp.PROCESS_DEATHS, error=died, attempts=deliveries - 1)
        raise TaskGaveUp(GaveUp.PROCESS_DEATHS)
    began = monotonic()
    try:
        result = work()
    except SoftTimeLimitExceeded as error:
        reason = GaveUp.SOFT_TIME_LIMIT
        took = monotonic() - began
        delivery.give_up(reason=reason, error="the soft time limit passed", attempts=deliveries, seconds=took)
        raise TaskGaveUp(reason) from error
    except Exception as error:
        took = monotonic() - began
        if is_retryable(error) and delivery.retries + 1 < MAX_ATTEMPTS:
            journal().failed(task_id=delivery.task_id, seconds=took, error=_text(error), will_retry=True)
            raise _retry(task, delivery.retries, error) from error
        reason = GaveUp.ATTEMPTS_EXHAUSTED if is_retryable(error) else GaveUp.ERROR
        delivery.give_up(reason=reason, error=_text(error), attempts=deliveries, seconds=took)
        raise TaskGaveUp(reason) from error
    journal().succeeded(task_id=delivery.task_id, seconds=monotonic() - began)
    return result


def _retry(task: Task[Any, Any], retries: int, error: Exception) -> Exception:
    times = app.times
    jitter = (1 + random.random()) / 2  # noqa: S311 - at least half, so that an outage is not a busy loop
    wait = backoff(retries + 1, base=times.retry_first, ceiling=times.retry_longest, jitter=jitter)
    try:
        # In a copy of the context: a publish that fails would leave its dead span current in this process.
        told = Unwell(type(error).__name__)
        return copy_context().run(task.retry, exc=told, countdown=wait.total_seconds(), throw=False)
    except Reject as refused:  # the broker did not take the repetition
        return _put_back(refused)


def _put_back(error: Exception) -> Reject:
    """Give the message back after a pause, so that an outage is not a busy loop."""
    with suppress(SoftTimeLimitExceeded):
        sleep(app.times.put_back_pause.total_seconds())
    return Reject(repr(error), requeue=True)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]
