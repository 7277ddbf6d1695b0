"""Nothing that lies in a queue stops a pool: real workers, a real database, honest tasks among many that are none."""

import json
import os
import uuid
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from redis import Redis
from sqlalchemy import text

from services.core.queue.enqueue import message
from services.core.queue.names import WEBHOOK, Queue, TaskName
from services.core.usecases.operations.task_history import DatabaseJournal
from tests.tools.hostile_messages import HALF, VALUES, hostile_messages
from tests.tools.roles import running_role
from tests.tools.servers import running_servers
from tests.tools.simulator import RunningSimulator
from tests.tools.waiting import wait_until
from tests.tools.world import World, new_number

pytestmark = pytest.mark.processes


@pytest.fixture
def earnest(simulator_process: RunningSimulator) -> Iterator[World]:
    """A world on servers as durable as the roles demand."""
    simulator_process.reset(keep_webhooks=False)
    with running_servers() as servers:
        world = World(servers.database_url, servers.redis_url, simulator_process)
        yield world
        world.close()


@pytest.fixture
def raw_client(earnest: World) -> Iterator[Redis]:
    with Redis.from_url(earnest.redis_url) as client:
        yield client


@pytest.fixture
def webhook_worker(earnest: World, tmp_path: Path) -> Iterator[int]:
    settings = {
        "database_url": earnest.database_url,
        "redis_url": earnest.redis_url,
        "provider_base_url": earnest.simulator.url,
        "provider_api_key": earnest.simulator.api_key,
        "provider_phone_number_id": earnest.simulator.phone_number_id,
        "provider_phone_number": earnest.simulator.phone_number,
        "worker_concurrency": 2,
    }
    with running_role("webhook_worker", tmp_path, **settings) as pid:
        yield pid


def honest(world: World, number: int) -> tuple[bytes, str]:
    """A task about a webhook that waits to be handled, and its id."""
    inbox_id = world.accept(world.text_from(new_number(), f"hello {number}")).inbox_id
    raw = message(TaskName.PROCESS_WEBHOOK, [str(inbox_id)], traceparent=None, origin="test")
    return raw.encode(), json.loads(raw)["headers"]["id"]


def names_of(raw: bytes) -> set[str]:
    """The ids under which a message may be accounted for: by its content, or its own as a task."""
    names = {str(uuid.UUID(bytes=sha256(raw).digest()[:16]))}
    try:
        names.add(json.loads(raw)["headers"]["id"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return names
    return {name for name in names if isinstance(name, str)}


def ended(world: World) -> tuple[set[str], set[str]]:
    """The ids of the tasks that succeeded, and of those that gave up or were put aside."""
    with world.context.database.reading() as session:
        done = session.scalars(text("SELECT task_id FROM task_runs WHERE outcome = 'succeeded'")).all()
        aside = session.scalars(text("SELECT task_id FROM dead_letters")).all()
    return set(done), set(aside)


def drive(world: World, raw_client: Redis, *, hostile: int, honest_ones: int, within: float) -> None:
    random = Random(int(os.environ.get("FUZZ_SEED", "20261130")))
    bad = [*hostile_messages(random, hostile, ids=["1", "2", "99999999"])]
    good = [honest(world, number) for number in range(honest_ones)]
    mixed = [*bad, *(raw for raw, _ in good)]
    random.shuffle(mixed)
    for start in range(0, len(mixed), 50):
        raw_client.lpush(Queue.WEBHOOKS, *mixed[start : start + 50])
    expected = {task_id for _, task_id in good}
    wait_until(lambda: expected <= ended(world)[0], within=within)
    wait_until(lambda: world.context.inspector.waiting(Queue.WEBHOOKS) == 0, within=within)
    wait_until(lambda: world.context.inspector.unacked(WEBHOOK) == 0, within=within)
    done, aside = ended(world)
    lost = [raw for raw in bad if not names_of(raw) & (done | aside)]
    assert lost == [], f"{len(lost)} of {len(bad)} are nowhere"
    assert world.value("SELECT count(*) FROM inbox WHERE status = 'handled'") == honest_ones


def test_a_pool_goes_on_among_messages_that_are_none(earnest: World, webhook_worker: int, raw_client: Redis) -> None:
    drive(earnest, raw_client, hostile=300, honest_ones=60, within=90)
    os.kill(webhook_worker, 0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_pool_goes_on_among_ten_thousand_messages_that_are_none(
    earnest: World, webhook_worker: int, raw_client: Redis
) -> None:
    drive(earnest, raw_client, hostile=10_000, honest_ones=1_000, within=1500)
    os.kill(webhook_worker, 0)


def test_what_waits_unacknowledged_and_cannot_be_read_is_given_back_too(
    earnest: World, webhook_worker: int, raw_client: Redis
) -> None:
    raw, task_id = honest(earnest, 1)
    entries = {
        "1": b"\xff\0",
        "2": b"[]",
        "3": b'[{}, "", "no_queue"]',
        "4": json.dumps([json.loads(raw), "", "webhooks"]),
    }
    raw_client.hset(WEBHOOK.unacked_key, mapping=entries)  # type: ignore[arg-type]  # bytes and texts
    raw_client.zadd(WEBHOOK.unacked_index_key, dict.fromkeys([*entries, "without an entry"], 1))
    wait_until(lambda: task_id in ended(earnest)[0])
    wait_until(lambda: len(ended(earnest)[1]) == 3)
    wait_until(lambda: raw_client.zcard(WEBHOOK.unacked_index_key) == 0)


def test_a_broadcast_that_is_none_harms_nobody(earnest: World, webhook_worker: int, raw_client: Redis) -> None:
    wait_until(lambda: raw_client.pubsub_numpat() > 0)
    for nonsense in (
        b"\xff\0",
        b"[]",
        b"7",
        b'{"properties": 1}',
        b'{"properties": {"delivery_tag": {}}, "headers": 7}',
    ):
        assert raw_client.publish("/0.celery.pidbox", nonsense) == 1
    raw, task_id = honest(earnest, 1)
    raw_client.lpush(Queue.WEBHOOKS, raw)
    wait_until(lambda: task_id in ended(earnest)[0])


def test_the_record_of_a_failure_can_always_be_stored(world: World) -> None:
    journal = DatabaseJournal(world.context)
    for number, value in enumerate([*VALUES, HALF * 5000, "\0" * 5000, "x" * 100_000]):
        told = value if isinstance(value, str) else repr(value)
        for task_id in (f"{number}{told}", str(number)):
            journal.started(task_id=task_id, name=told, args=[value], traceparent=told)
            journal.failed(task_id=task_id, seconds=0.1, error=told, will_retry=True)
        journal.gave_up(
            task_id=f"{number}{told}",
            name=TaskName.PROCESS_WEBHOOK,
            args=["999999999"],
            reason="error",
            error=told,
            attempts=1,
            traceparent=told,
        )
    assert world.value("SELECT count(*) FROM dead_letters") == len(VALUES) + 3
    assert world.value("SELECT count(*) FROM dead_letters WHERE inbox_id IS NOT NULL") == 0


def test_trouble_that_comes_again_is_one_open_letter(world: World) -> None:
    journal, inbox_id = DatabaseJournal(world.context), world.accept(world.text_from(new_number(), "hi")).inbox_id

    def give_up(task_id: str) -> None:
        journal.gave_up(
            task_id=task_id,
            name=TaskName.PROCESS_WEBHOOK,
            args=[str(inbox_id)],
            reason="error",
            error="no",
            attempts=1,
            traceparent=None,
        )

    for task_id in ("one", "one", "two"):
        give_up(task_id)
    assert world.value("SELECT array_agg(attempts) FROM dead_letters") == [3]
    world.execute("UPDATE dead_letters SET discarded_at = now()")
    give_up("one")
    assert world.value("SELECT count(*) FROM dead_letters WHERE discarded_at IS NULL") == 1
