import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from services.core.queue.app import QueueApp, WaitTooLong, configuration
from services.core.queue.connection import connect
from services.core.queue.enqueue import Batch, Broker, BrokerUnavailable
from services.core.queue.inspection import Inspector
from services.core.queue.names import POOLS, Queue, TaskName
from services.core.runtime.settings import Settings
from tests.conftest import ValkeyProcess


@pytest.fixture
def celery_app(queue_settings: Settings) -> Any:
    with QueueApp("test", set_as_current=False) as app:
        app.conf.update(configuration(queue_settings, None))
        yield app


def shape(value: Any) -> Any:
    """Which keys there are and of which type, without what differs between any two messages."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return "text or none" if value is None or isinstance(value, str) else type(value).__name__


def test_a_message_has_the_shape_that_celery_gives_it(broker: Broker, celery_app: Celery, redis_client: Redis) -> None:
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["one", "two"])
    ours: dict[str, Any] = json.loads(str(redis_client.rpop("webhooks")))
    celery_app.send_task("process_webhook", [["one", "two"]])
    theirs: dict[str, Any] = json.loads(str(redis_client.rpop("webhooks")))
    assert shape(ours["properties"]) == shape(theirs["properties"])
    assert ours["properties"]["delivery_info"] == theirs["properties"]["delivery_info"]
    assert ours.keys() == theirs.keys()
    assert ours["body"] == theirs["body"]
    assert ours["headers"].keys() <= theirs["headers"].keys()
    assert shape(ours["headers"]) == {key: shape(theirs["headers"][key]) for key in ours["headers"]}


@pytest.mark.parametrize(
    ("name", "queue"),
    [
        (TaskName.SEND_CAMPAIGN_MESSAGE, "campaigns"),
        (TaskName.PROCESS_WEBHOOK, "webhooks"),
        (TaskName.OPERATIONAL_HEALTH_CHECK, "priority"),
        (TaskName.RECONCILE_MESSAGE, "default"),
    ],
)
def test_a_task_goes_to_its_queue_by_either_way(
    name: TaskName, queue: str, broker: Broker, celery_app: Celery, redis_client: Redis
) -> None:
    broker.enqueue(name, ["id"])
    celery_app.send_task(name.value, [["id"]])
    assert redis_client.llen(queue) == 2


def test_many_are_published_in_few_round_trips_and_in_order(broker: Broker, redis_client: Redis) -> None:
    redis_client.execute_command("CONFIG", "RESETSTAT")
    broker.enqueue_many(TaskName.PROCESS_WEBHOOK, (Batch([str(number)]) for number in range(1200)))
    calls: Any = redis_client.info("commandstats")
    assert (redis_client.llen("webhooks"), calls["cmdstat_lpush"]["calls"]) == (1200, 3)


@pytest.mark.parametrize(("count", "is_compressed"), [(1, False), (200, True)])
def test_only_large_messages_are_compressed(
    count: int, is_compressed: bool, broker: Broker, redis_client: Redis
) -> None:
    broker.enqueue(TaskName.SEND_CAMPAIGN_MESSAGE, ["0198c0de-0000-7000-8000-000000000000"] * count)
    message = json.loads(str(redis_client.rpop("campaigns")))
    assert ("compression" in message["headers"]) == is_compressed


@pytest.mark.own_valkey
@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_a_publish_that_nobody_answers_ends_and_is_not_repeated(
    fault: str, broker: Broker, valkey_server: ValkeyProcess, redis_client: Redis
) -> None:
    broker.ping()
    getattr(valkey_server, fault)()
    for call in (partial(broker.enqueue, TaskName.PROCESS_WEBHOOK, ["id"]), broker.ping):
        with pytest.raises(BrokerUnavailable) as raised:
            call()
        assert raised.value.retryable
    if fault == "freeze":
        valkey_server.resume()
        assert redis_client.llen("webhooks") == 1


def test_every_wait_for_the_broker_is_bounded(valkey_server: ValkeyProcess) -> None:
    with connect(valkey_server.url) as client:
        bounds = client.get_connection_kwargs()
    assert (bounds["socket_connect_timeout"], bounds["socket_timeout"]) == (1, 2)


@pytest.mark.own_valkey
@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_celerys_own_publish_ends_too(fault: str, celery_app: Celery, valkey_server: ValkeyProcess) -> None:
    from kombu.exceptions import OperationalError

    getattr(valkey_server, fault)()
    with pytest.raises(OperationalError):
        celery_app.send_task("process_webhook", [["id"]])


@pytest.mark.own_valkey
def test_publishing_goes_on_after_the_broker_restarts(
    broker: Broker, valkey_server: ValkeyProcess, redis_client: Redis
) -> None:
    broker.ping()
    valkey_server.kill()
    valkey_server.start()
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["id"])
    assert redis_client.llen("webhooks") == 1


@pytest.mark.parametrize("wait", [{"countdown": 31}, {"eta": "2099-01-01"}, {"countdown": 5, "eta": "2099-01-01"}])
def test_long_waits_in_the_broker_are_refused(wait: dict[str, Any], celery_app: Celery, redis_client: Redis) -> None:
    with pytest.raises(WaitTooLong):
        celery_app.send_task("process_webhook", [["id"]], **wait)
    with pytest.raises(WaitTooLong):
        celery_app.signature("process_webhook", [["id"]]).apply_async(**wait)
    assert redis_client.llen("webhooks") == 0


def test_short_countdowns_pass(celery_app: Celery, redis_client: Redis) -> None:
    celery_app.send_task("process_webhook", [["id"]], countdown=30)
    assert redis_client.llen("webhooks") == 1


def test_what_the_inspector_reads_is_what_redis_holds(
    broker: Broker, inspector: Inspector, redis_client: Redis
) -> None:
    broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [Batch(["a"]), Batch(["b"])])
    broker.enqueue(TaskName.DEBUG_TASK, [])
    redis_client.hset("unacked:campaign", mapping={"tag": "message"})
    depths = {depth.queue: (depth.pool, depth.waiting) for depth in inspector.depths()}
    assert depths == {
        Queue.CAMPAIGNS: ("campaign", 0),
        Queue.WEBHOOKS: ("webhook", 2),
        Queue.PRIORITY: ("operations", 0),
        Queue.DEFAULT: ("operations", 1),
    }
    assert {load.pool: load.unacked for load in inspector.loads()} == {
        pool.name: int(pool.name == "campaign") for pool in POOLS
    }
    assert (inspector.purge(Queue.WEBHOOKS), inspector.waiting(Queue.WEBHOOKS)) == (2, 0)
    assert inspector.workers(timeout=timedelta(milliseconds=100)) == ()


@pytest.mark.own_valkey
def test_the_inspector_says_when_the_broker_is_gone(inspector: Inspector, valkey_server: ValkeyProcess) -> None:
    valkey_server.kill()
    for question in (inspector.depths, inspector.loads, lambda: inspector.purge(Queue.DEFAULT), inspector.workers):
        with pytest.raises(BrokerUnavailable):
            question()
