"""The consumer in a worker's main process: no message can end it, and none disappears unseen."""

import logging
from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.state import maybe_shutdown

from services.core.queue.admission import REFUSED
from services.core.queue.app import app
from services.core.queue.fitness import SETTING, BrokerRefused, refusal_of
from services.core.queue.heartbeat import progress
from services.core.queue.journal import journal
from services.core.queue.names import GaveUp

logger = logging.getLogger(__name__)

LONGEST_RECONNECT_PAUSE = 5  # seconds


class Consumer(CeleryConsumer):
    """Celery's consumer, with the faults of a message ended as dead letters and its progress reported.

    The transport admits every message first (`admission`), so what arrives here is a task or a refusal.
    """

    connection_errors: tuple[type[Exception], ...]

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        _refuse_if_permanent(exc)
        super().on_connection_error_after_connected(exc)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> None:
            refusal = message.headers.get(REFUSED)
            if refusal is None:
                handle(message)
            else:
                self.put_aside(message, refusal["reason"], refusal["error"])

        return on_task_received

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature
        self.put_aside(message, GaveUp.UNKNOWN_TASK, f"no task of that name in this pool: {exc}")

    def put_aside(self, message: Any, reason: str, error: str) -> None:
        """Write the dead letter, then let go of the message; until it is written the message stays unacknowledged."""
        if bury(message, reason, error):
            message.ack_log_error(logger, self.connection_errors)
        else:
            self.timer.call_after(app.times.put_back_pause.total_seconds(), self.put_aside, (message, reason, error))

    def ensure_connected(self, conn: Any) -> Any:
        """Try until the broker is there, without end, saying each second that this is what is going on."""

        def failed(error: Exception, interval: float) -> None:
            _refuse_if_permanent(error)
            logger.error("broker.unreachable", extra={"error": repr(error), "next_try_in": interval})

        def still_trying() -> None:
            progress.reconnecting()
            maybe_shutdown()

        progress.reconnecting()
        connected = conn.ensure_connection(
            failed, None, interval_start=1, interval_step=1, interval_max=LONGEST_RECONNECT_PAUSE, callback=still_trying
        )
        self.first_connection_attempt = False
        return connected

    def register_with_event_loop(self, hub: Any) -> None:
        super().register_with_event_loop(hub)
        progress.consuming()
        hub.timer.call_repeatedly(app.times.heartbeat_tick.total_seconds(), progress.consuming)


def _refuse_if_permanent(error: Exception) -> None:
    """End the worker, with the reason, where each next connection would only deliver the same tasks again."""
    if remedy := refusal_of(error):
        logger.error("broker.refused", extra={"remedy": f"{SETTING}: {remedy}"})
        raise BrokerRefused(f"{SETTING}: {remedy}")


def bury(message: Any, reason: str, error: str) -> bool:
    """Write a dead letter for something that is no task of ours; false when the journal is down."""
    headers = message.headers
    known = {"task_id": headers["id"], "name": headers["task"]}
    logger.error("task.refused", extra={"task": known, "reason": reason, "error": error})
    try:
        journal().gave_up(
            task_id=known["task_id"],
            name=known["name"],
            args=message.payload[0][0] if message.payload[0] else [],
            reason=reason,
            error=error,
            attempts=0,
            traceparent=headers.get("traceparent"),
        )
    except Exception:
        logger.exception("task.refusal_not_written", extra={"task": known})
        return False
    return True
