"""What waits with the broker is not published again, and what the broker lost is: retries never feed a queue."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from services.core.queue.enqueue import QUEUED_AT_MOST, Batch, BrokerUnavailable, Queued, message
from services.core.queue.names import CANARIES, WEBHOOK, Queue, TaskName, pool_of
from services.core.storage import beat_lease
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.usecases.context import Context
from services.core.usecases.messages.dispatch import Dispatcher
from services.core.usecases.operations import sweep as sweep_module
from services.core.usecases.operations.canary import send_canaries
from services.core.usecases.operations.sweep import IDS_PER_TASK, sweep
from services.core.usecases.schedule.tick import tick_schedule
from services.webhook_ingress.publisher import Publisher
from tests.benchmarks.backlog import REPLIES, measure_backlog
from tests.tools.queues import waiting_ids
from tests.tools.servers import running_servers
from tests.tools.world import World, new_number

PASSES = 5
NOTHING_QUEUED = Queued(tasks=0, ids=frozenset(), waiting=0, is_whole=True)
Publish = Callable[[World], object]


def store_replies(world: World, count: int) -> None:
    """Replies that nobody has handled for a while."""
    world.execute(REPLIES, rows=count)
    world.execute("UPDATE inbox SET received_at = received_at - interval '10 minutes'")


def some_replies(world: World) -> Publish:
    store_replies(world, 3)
    return lambda world: sweep(world.beat)


def some_texts_in_doubt(world: World) -> Publish:
    for _ in range(2):
        message_id = world.message()
        world.simulator.add_fault("server_error", created=1, times=1)
        world.send(message_id)
    world.move(minutes=2)

    def look(world: World) -> None:
        world.execute("UPDATE attempts SET look_published_at = look_published_at - interval '2 minutes'")
        sweep(world.beat)

    return look


def some_due_texts(world: World) -> Publish:
    for _ in range(3):
        world.message()

    def dispatch(world: World) -> None:
        world.execute("UPDATE messages SET published_at = published_at - interval '2 minutes'")
        sweep(world.beat)
        Dispatcher(world.beat).dispatch()

    return dispatch


def some_due_runs(world: World) -> Publish:
    with world.context.database.transaction() as session:
        lease = beat_lease.acquire_or_renew(session, holder="this test", lease=timedelta(minutes=5))
    assert lease is not None

    def tick(world: World) -> None:
        world.execute("UPDATE scheduled_runs SET published_at = published_at - interval '2 minutes'")
        tick_schedule(world.beat, lease)

    tick(world)
    world.move(hours=1)
    return tick


def canaries(_world: World) -> Publish:
    return lambda world: send_canaries(world.operations_worker, 1)


def all_waiting(world: World) -> dict[str, int]:
    return {depth.queue.value: depth.waiting for depth in world.context.inspector.depths()}


@pytest.mark.parametrize("prepare", [some_replies, some_texts_in_doubt, some_due_texts, some_due_runs, canaries])
class TestEveryRepetition:
    def test_leaves_what_waits_where_it_is(self, world: World, prepare: Callable[[World], Publish]) -> None:
        publish = prepare(world)
        publish(world)
        waiting = all_waiting(world)
        for _ in range(PASSES):
            publish(world)

        assert sum(waiting.values()) > 0
        assert all_waiting(world) == waiting

    def test_brings_back_what_the_broker_lost(self, world: World, prepare: Callable[[World], Publish]) -> None:
        publish = prepare(world)
        publish(world)
        waiting = all_waiting(world)
        world.lose_queues()
        publish(world)

        assert all_waiting(world) == waiting


class TestALongBacklog:
    def test_fills_the_queue_to_its_bound_with_the_oldest_each_once(self, world: World) -> None:
        store_replies(world, QUEUED_AT_MOST * IDS_PER_TASK + 500)
        for _ in range(PASSES):
            sweep(world.beat)

        ids = waiting_ids(world.redis_url, "webhooks")
        first = world.value("SELECT min(id) FROM inbox")
        assert world.context.inspector.waiting(Queue.WEBHOOKS) == QUEUED_AT_MOST
        assert ids == list(range(first, first + QUEUED_AT_MOST * IDS_PER_TASK))

    def test_a_short_one_has_a_task_for_each_row(self, world: World) -> None:
        store_replies(world, 50)
        sweep(world.beat)

        assert world.context.inspector.waiting(Queue.WEBHOOKS) == 50

    def test_a_full_queue_gets_nothing_from_the_ingress_either(self, world: World) -> None:
        world.context.broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [Batch([str(n)]) for n in range(QUEUED_AT_MOST)])
        publisher = Publisher(world.context.broker)
        publisher.start()
        publisher.publish(5, None)
        publisher.stop()

        assert world.context.inspector.waiting(Queue.WEBHOOKS) == QUEUED_AT_MOST

    def test_a_queue_that_somebody_overfilled_is_left_to_drain(self, world: World) -> None:
        store_replies(world, 3)
        filled = 6 * QUEUED_AT_MOST
        world.context.broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [Batch(["1"])] * filled)
        world.context.broker.enqueue_many(TaskName.CANARY_WEBHOOKS, [Batch([])] * filled)
        sweep(world.beat)
        send_canaries(world.operations_worker, 1)

        assert world.context.inspector.waiting(Queue.WEBHOOKS) == 2 * filled


class TestWhatAWorkerHolds:
    @pytest.mark.parametrize(("held_for", "published"), [(0, 0), (59, 0), (61, 1)])
    def test_counts_until_its_worker_must_be_lost(self, world: World, held_for: int, published: int) -> None:
        inbox_id = world.accept(world.text_from(new_number(), "hello")).inbox_id
        world.move(minutes=1)
        with Redis.from_url(world.redis_url, decode_responses=True) as client:
            at = client.time()[0] - held_for
            body = message(TaskName.PROCESS_WEBHOOK, [str(inbox_id)], traceparent=None, origin="test")
            client.hset(WEBHOOK.unacked_key, "tag", json.dumps([json.loads(body), "", "webhooks"]))
            client.zadd(WEBHOOK.unacked_index_key, {"tag": at})

        assert sweep(world.beat).webhooks == published


def a_campaign_that_goes_on(world: World) -> None:
    campaign_id = world.campaign(people=3)
    world.execute("UPDATE campaigns SET unmade_after = 0 WHERE id = :id", id=campaign_id)
    world.lose_queues()


def an_import_that_was_cut_off(world: World) -> None:
    report = dry_run_import(world.console, [f"phone\n{new_number()}\n".encode()], file_name="a.csv", by="a test")
    world.execute("UPDATE imports SET status = 'confirming' WHERE id = :id", id=report.import_id)


REFUSED = [
    pytest.param("webhooks", some_replies, sweep_module._publish_webhooks, 3, id="webhooks"),
    pytest.param("looks", some_texts_in_doubt, sweep_module._publish_looks, 2, id="looks"),
    pytest.param("imports", an_import_that_was_cut_off, sweep_module._publish_imports, 1, id="imports"),
    pytest.param("campaigns", a_campaign_that_goes_on, sweep_module._publish_campaigns, 1, id="campaigns"),
]


@pytest.mark.parametrize(("name", "prepare", "publish", "rows"), REFUSED)
class TestWhatTheQueueDoesNotTake:
    """It is neither counted nor stamped, so the next pass publishes it."""

    @pytest.mark.own_valkey
    def test_a_redis_that_takes_no_writes(
        self,
        world: World,
        name: str,
        prepare: Callable[[World], object],
        publish: Callable[[Context, Queued], int],
        rows: int,
    ) -> None:
        prepare(world)
        with Redis.from_url(world.redis_url) as client:
            client.config_set("maxmemory", 1)  # it goes on answering reads
            with pytest.raises(BrokerUnavailable):
                publish(world.beat, NOTHING_QUEUED)
            assert getattr(sweep(world.beat), name) == 0
            client.config_set("maxmemory", 0)

        assert [getattr(sweep(world.beat), name) for _ in range(2)] == [rows, 0]

    def test_a_queue_that_others_filled_meanwhile(
        self,
        world: World,
        name: str,
        prepare: Callable[[World], object],
        publish: Callable[[Context, Queued], int],
        rows: int,
    ) -> None:
        prepare(world)
        for task in (TaskName.CANARY_WEBHOOKS, TaskName.CANARY_DEFAULT, TaskName.CANARY_CAMPAIGNS):
            world.context.broker.enqueue_many(task, [Batch([])] * QUEUED_AT_MOST)

        assert publish(world.beat, NOTHING_QUEUED) == 0
        world.lose_queues()
        assert [getattr(sweep(world.beat), name) for _ in range(2)] == [rows, 0]


MALFORMED = [
    b"",
    b"\xff\xfe",
    b"no\x00such",
    b"[1, 2]",
    b"null",
    b"[" * 100_000,
    b'{"body": 7, "headers": null}',
    b'{"body": "!!", "headers": {"task": "process_webhook"}}',
    json.dumps({"body": base64.b64encode(b'["\xed\xa0\x80", {}, {}]').decode(), "headers": {"task": "x"}}).encode(),
    json.dumps({"body": base64.b64encode(b"x").decode(), "headers": {"compression": "gzip"}}).encode(),
    json.dumps({"body": base64.b64encode(b"[[null]]").decode(), "headers": {"task": "process_webhook"}}).encode(),
    json.dumps({"body": base64.b64encode(b'[[["9x", {}]]]').decode(), "headers": {"task": "process_webhook"}}).encode(),
    json.dumps({"body": base64.b64encode(b'[["' + b"9" * 9999 + b'"]]').decode(), "headers": {"task": []}}).encode(),
]


@pytest.mark.parametrize("foreign", MALFORMED, ids=lambda each: repr(each[:30]))
def test_what_somebody_else_put_there_stops_no_pass(world: World, foreign: bytes) -> None:
    """Neither in a queue nor among what workers hold."""
    store_replies(world, 1)
    with Redis.from_url(world.redis_url) as client:
        for name in Queue:
            client.lpush(name, foreign)
            client.hset(pool_of(name).unacked_key, "tag", foreign)
            client.zadd(pool_of(name).unacked_index_key, {"tag": client.time()[0]})

    assert sweep(world.beat).webhooks == 1
    send_canaries(world.operations_worker, 1)
    assert {queue: each.tasks for queue, each in _canaries(world).items()} == dict.fromkeys(CANARIES, 1)


def _canaries(world: World) -> dict[Queue, Any]:
    lost_after = timedelta(minutes=1)
    return {queue: world.context.broker.queued(name, lost_after=lost_after) for queue, name in CANARIES.items()}


@pytest.mark.processes
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rows", [400, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])])
def test_a_real_pool_drains_it_though_redis_forgets_everything_midway(rows: int) -> None:
    with running_servers() as servers, servers.context() as context:
        found = measure_backlog(context, servers.folder, rows=rows, limit=7000, flush=True)

    assert (found.handled, found.messages) == (rows, rows)
    assert found.longest_queue <= QUEUED_AT_MOST + context.settings.worker_concurrency
