from datetime import timedelta
from typing import Any

import pytest

from services.core.queue.app import configuration
from services.core.queue.names import CAMPAIGN, OPERATIONS, POOLS, TASK_QUEUES, WEBHOOK, Pool, Queue, TaskName, pool_of
from services.core.queue.times import Times
from services.core.runtime.durations import LONGEST_COUNTDOWN
from services.core.runtime.settings import Settings


def configured(pool: Pool | None, **values: Any) -> dict[str, Any]:
    return configuration(Settings(**values), pool)


class TestNames:
    def test_every_queue_has_one_pool_and_every_task_a_queue(self) -> None:
        assert sorted(queue for pool in POOLS for queue in pool.queues) == sorted(Queue)
        assert TASK_QUEUES.keys() == set(TaskName)
        assert {queue: pool_of(queue).name for queue in Queue} == {
            Queue.CAMPAIGNS: "campaign",
            Queue.WEBHOOKS: "webhook",
            Queue.PRIORITY: "operations",
            Queue.DEFAULT: "operations",
        }


class TestTimes:
    def test_the_defaults_are_the_settled_ones(self) -> None:
        times = Times()
        assert (times.soft_limit, times.hard_limit, times.soft_shutdown, times.visibility) == tuple(
            timedelta(seconds=seconds) for seconds in (40, 45, 45, 300)
        )
        assert times.visibility >= 2 * (times.hard_limit + LONGEST_COUNTDOWN)
        assert timedelta(seconds=30) == LONGEST_COUNTDOWN


class TestConfiguration:
    @pytest.mark.parametrize("pool", [None, *POOLS])
    def test_what_every_process_needs(self, pool: Pool | None) -> None:
        made = configured(pool)
        expected = {
            "task_acks_late": True,
            "task_reject_on_worker_lost": True,
            "worker_prefetch_multiplier": 1,
            "worker_disable_prefetch": True,
            "worker_pool": "prefork",
            "task_time_limit": 45,
            "task_soft_time_limit": 40,
            "worker_soft_shutdown_timeout": 45,
            "task_ignore_result": True,
            "result_expires": timedelta(hours=1),
            "accept_content": ["json"],
            "task_create_missing_queues": False,
            "broker_channel_error_retry": True,
            "broker_connection_max_retries": None,
            "worker_cancel_long_running_tasks_on_connection_loss": False,
            "worker_max_tasks_per_child": 1000,
        }
        assert {name: made[name] for name in expected} == expected
        assert "task_compression" not in made
        assert made["task_publish_retry_policy"]["max_retries"] is not None

    @pytest.mark.parametrize(
        ("pool", "events"), [(CAMPAIGN, True), (OPERATIONS, True), (WEBHOOK, False), (None, False)]
    )
    def test_events_are_on_where_they_are_affordable(self, pool: Pool | None, events: bool) -> None:
        assert configured(pool)["worker_send_task_events"] is events

    @pytest.mark.parametrize("pool", POOLS)
    def test_each_pool_has_its_own_unacked_keys(self, pool: Pool) -> None:
        options = configured(pool)["broker_transport_options"]
        assert options["unacked_key"] == f"unacked:{pool.name}"
        assert options["unacked_index_key"] == f"unacked_index:{pool.name}"
        assert options["unacked_mutex_key"] == f"unacked_mutex:{pool.name}"
        assert options["visibility_timeout"] == 300

    @pytest.mark.parametrize(("pool", "reply", "connect"), [(None, 1.5, 1), (WEBHOOK, 5, 2)])
    def test_every_wait_for_the_broker_is_bounded(self, pool: Pool | None, reply: float, connect: float) -> None:
        options = configured(pool)["broker_transport_options"]
        assert (options["socket_timeout"], options["socket_connect_timeout"]) == (reply, connect)
        assert options["retry_on_timeout"] is False
        assert options["health_check_interval"] > 0

    def test_a_url_with_tls_checks_certificates(self) -> None:
        assert (
            configured(None, redis_url="rediss://host:6380/0")["broker_use_ssl"]["ssl_cert_reqs"].name
            == "CERT_REQUIRED"
        )
        assert configured(None, redis_url="redis://host:6379/0")["broker_use_ssl"] is None
