"""The Celery app, configured by one pure function; `celery -A services.core.queue.app` works from any process."""

import ssl
from datetime import datetime, timedelta
from typing import Any

from celery import Celery
from kombu import Queue as BrokerQueue

from services.core.queue.names import CAMPAIGN, OPERATIONS, RESULT_TASKS, TASK_QUEUES, Pool, Queue
from services.core.queue.times import Times
from services.core.runtime.durations import LONGEST_COUNTDOWN
from services.core.runtime.settings import Settings, settings

POOLS_WITH_EVENTS = (CAMPAIGN, OPERATIONS)
TASKS_PER_CHILD = 1000
TRANSPORT = "services.core.queue.transport:Transport"


class WaitTooLong(ValueError):
    """Somebody asked the broker to hold a message: long waits are a column in the database."""


class QueueApp(Celery):
    """Celery with one rule more: no message waits in the broker longer than 30 seconds."""

    times: Times = Times()

    def send_task(  # type: ignore[override]
        self,
        name: str,
        args: Any = None,
        kwargs: Any = None,
        countdown: float | None = None,
        eta: datetime | None = None,
        **options: Any,
    ) -> Any:
        if eta is not None:
            raise WaitTooLong(f"{name}: an eta is redelivered at every visibility timeout; store the due time")
        if countdown is not None and countdown > LONGEST_COUNTDOWN.total_seconds():
            raise WaitTooLong(f"{name}: countdown {countdown:g} s is over {LONGEST_COUNTDOWN.total_seconds():g} s")
        options.setdefault("ignore_result", name not in RESULT_TASKS)  # else a producer waits for the result backend
        return super().send_task(name, args, kwargs, countdown=countdown, **options)


def configuration(settings: Settings, pool: Pool | None, times: Times | None = None) -> dict[str, Any]:
    """Celery's configuration for the workers of `pool`, or for a producer when there is no pool.

    With late acks, a multiplier of one and prefetch off, `LLEN queue + HLEN unacked:<pool>` is exactly queued plus
    running, which is what the autoscaler reads.
    """
    times = times or Times.within(settings.celery)
    url = settings.redis_url.get_secret_value()
    tls = {"ssl_cert_reqs": ssl.CERT_REQUIRED} if url.startswith("rediss://") else None
    return {
        "broker_url": url,
        "broker_use_ssl": tls,
        "broker_transport": TRANSPORT if pool else None,
        "broker_transport_options": _transport(pool, times),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,  # without it a full Redis or a failover ends the worker
        "broker_pool_limit": 10,
        "task_publish_retry": True,
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2},
        "result_backend": url,
        "redis_backend_use_ssl": tls,
        "result_expires": times.result_expiry,
        "result_backend_transport_options": {"retry_policy": {"max_retries": 1, "interval_start": 0}},
        "redis_socket_timeout": times.producer_socket.total_seconds(),
        "redis_socket_connect_timeout": times.producer_connect.total_seconds(),
        "redis_socket_keepalive": True,
        "redis_backend_health_check_interval": times.health_check.total_seconds(),
        "task_serializer": "json",
        "result_serializer": "json",
        "event_serializer": "json",
        "accept_content": ["json"],
        "task_queues": [BrokerQueue(name, routing_key=name) for name in Queue],
        "task_default_queue": Queue.DEFAULT.value,
        "task_create_missing_queues": False,
        "task_routes": {name.value: {"queue": queue.value} for name, queue in TASK_QUEUES.items()},
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_acks_on_failure_or_timeout": False,  # a hard time limit counts as a process death
        "task_reject_on_worker_lost": True,
        "task_soft_time_limit": times.soft_limit.total_seconds(),
        "task_time_limit": times.hard_limit.total_seconds(),
        "task_send_sent_event": False,
        "worker_pool": "prefork",
        "worker_concurrency": settings.worker_concurrency,
        "worker_consumer": "services.core.queue.consumer:Consumer",
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_max_tasks_per_child": TASKS_PER_CHILD,
        "worker_soft_shutdown_timeout": times.soft_shutdown.total_seconds(),
        "worker_enable_soft_shutdown_on_idle": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_lost_wait": times.child_lost_after.total_seconds(),
        "worker_proc_alive_timeout": 30.0,
        "worker_send_task_events": pool in POOLS_WITH_EVENTS,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "timezone": "UTC",
        "enable_utc": True,
    }


def _transport(pool: Pool | None, times: Times) -> dict[str, Any]:
    reply, connect = (
        (times.worker_socket, times.worker_connect) if pool else (times.producer_socket, times.producer_connect)
    )
    options: dict[str, Any] = {
        "socket_timeout": reply.total_seconds(),
        "socket_connect_timeout": connect.total_seconds(),
        "socket_keepalive": True,
        "health_check_interval": times.health_check.total_seconds(),
        "retry_on_timeout": False,  # a blind repeat would publish twice
        "sep": ":",
        "visibility_timeout": times.visibility.total_seconds(),
        "client_name": f"attackacrack-{pool.name if pool else 'producer'}",
    }
    if pool is None:
        return options
    return options | {
        "unacked_key": pool.unacked_key,
        "unacked_index_key": pool.unacked_index_key,
        "unacked_mutex_key": pool.unacked_mutex_key,
        "unacked_mutex_expire": max(1, min(timedelta(seconds=60), times.visibility) // timedelta(seconds=1)),
        "unacked_restore_interval": times.restore_every.total_seconds(),
        "unacked_restore_throttle": 1,
        "queue_order_strategy": "priority",
    }


app = QueueApp("attackacrack", set_as_current=True)
app.add_defaults(lambda: configuration(settings(), None))
