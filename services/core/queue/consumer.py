"""The consumer in a worker's main process: no message can end it, and none disappears unseen."""

import logging
from collections.abc import Callable
from json import JSONDecodeError
from typing import Any
from uuid import uuid4

from celery.utils.time import maybe_iso8601
from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.state import maybe_shutdown

from services.core.queue.app import app
from services.core.queue.heartbeat import progress
from services.core.queue.journal import journal
from services.core.queue.times import MAX_COUNTDOWN

logger = logging.getLogger(__name__)

LONGEST_RECONNECT_PAUSE = 5  # seconds


class MessageMalformed(ValueError):
    """The message is not one that this project publishes."""


class Consumer(CeleryConsumer):
    """Celery's consumer, with the faults of a message ended as dead letters and its progress reported."""

    connection_errors: tuple[type[Exception], ...]
    channel_errors: tuple[type[Exception], ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What kombu raises for bytes in a queue that are no message; a new connection goes on behind them.
        self.channel_errors = (*self.channel_errors, AttributeError, LookupError, TypeError, ValueError)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        if isinstance(exc, JSONDecodeError):
            self.bury(reason="undecodable", error=exc, headers={}, args=[exc.doc[:1000]])
        super().on_connection_error_after_connected(exc)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> None:
            try:
                check(message)
                handle(message)
            except self.connection_errors:
                raise
            except Exception as error:  # noqa: BLE001 - any message must leave the worker alive
                self.put_aside(message, "malformed", error)

        return on_task_received

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature
        self.put_aside(message, "unknown_task", exc)

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002
        self.put_aside(message, "malformed", MessageMalformed("not a task message"))

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002
        self.put_aside(message, "malformed", exc)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self.put_aside(message, "undecodable", exc)

    def put_aside(self, message: Any, reason: str, error: Exception) -> None:
        """Write the dead letter, then let go of the message; until it is written the message stays unacknowledged."""
        headers = message.headers if isinstance(message.headers, dict) else {}
        if self.bury(reason=reason, error=error, headers=headers, args=_carried(message)):
            message.ack_log_error(logger, self.connection_errors)
        else:
            self.timer.call_after(app.times.put_back_pause.total_seconds(), self.put_aside, (message, reason, error))

    def bury(self, *, reason: str, error: Exception, headers: dict[str, Any], args: list[object]) -> bool:
        """Write a dead letter for something that is no task of ours; false when the journal is down."""
        task_id, name, traceparent = (headers.get(key) for key in ("id", "task", "traceparent"))
        known = {"task_id": task_id if isinstance(task_id, str) else str(uuid4()), "name": str(name or "")}
        trace = traceparent if isinstance(traceparent, str) else None
        logger.error("task.refused", extra={"task": known, "reason": reason, "error": type(error).__name__})
        try:
            journal().gave_up(
                task_id=known["task_id"],
                name=known["name"],
                args=args,
                reason=reason,
                error=repr(error)[:2000],
                attempts=0,
                traceparent=trace,
            )
        except Exception:
            logger.exception("task.refusal_not_written", extra={"task": known})
            return False
        return True

    def ensure_connected(self, conn: Any) -> Any:
        """Try until the broker is there, without end, saying each second that this is what is going on."""

        def failed(error: Exception, interval: float) -> None:
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


def check(message: Any) -> None:
    """Refuse what is not a task message of the second protocol, or asks to wait longer than a broker may.

    Raises `MessageMalformed`; contents that are not JSON raise what kombu raises.
    """
    headers = message.headers
    if not isinstance(headers, dict) or not all(isinstance(headers.get(key), str) for key in ("task", "id")):
        raise MessageMalformed("no task name or no task id")
    match message.payload:
        case [list(), dict(), _]:
            pass
        case _:
            raise MessageMalformed("the body is not [args, kwargs, embed]")
    if headers.get("eta") is not None:
        _check_eta(headers["eta"])


def _check_eta(eta: Any) -> None:
    due = maybe_iso8601(eta)
    if due is None or due - app.now() > 2 * MAX_COUNTDOWN:
        raise MessageMalformed(f"the broker does not wait until {eta}")


def _carried(message: Any) -> list[object]:
    """What the message carried, as far as it can be read: enough to find out who sent it."""
    try:
        match message.payload:
            case [[list() as ids], dict(), _]:
                return ids
            case [list() as args, dict(), _]:
                return args
    except Exception:
        logger.debug("task.unreadable", exc_info=True)  # the fault is known already; this is only its picture
    body = message.body
    return [(body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body))[:1000]]
