"""The health report on real rows and a real broker: each part well, and unwell."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.pool import QueuePool

from services.core.queue.enqueue import Broker
from services.core.queue.instruments import QUEUE_DEPTH
from services.core.queue.names import CANARIES, TaskName
from services.core.runtime import metering
from services.core.storage import health, work
from services.core.usecases.instruments import HEALTH, INSTRUMENTS, PARTS, WAITING
from services.core.usecases.operations.canary import send_canaries
from services.core.usecases.operations.health import check_health, summary
from services.core.usecases.operations.measure import measure
from services.core.views.installation import HealthPart
from tests.conftest import ValkeyProcess
from tests.tools.http_role import free_port
from tests.tools.rows import add_letter
from tests.tools.world import World

TICKED = (
    "INSERT INTO beat_lease (holder, term, expires_at, ticked_at)"
    " VALUES ('a test', 1, now(), clock_timestamp() - make_interval(secs => :age))"
)
SEND_CANARIES_RAN = (
    "INSERT INTO scheduled_runs (job, due_at, status, term, started_at, finished_at, result) VALUES"
    " ('send_canaries', product_now() - make_interval(secs => :age), 'succeeded', 1,"
    " product_now() - make_interval(secs => :age), product_now() - make_interval(secs => :age), CAST(:result AS jsonb))"
)
RUN_IS_DUE = (
    "INSERT INTO scheduled_runs (job, due_at, status, term)"
    " VALUES (:job, product_now() - make_interval(secs => :age), 'due', 1)"
)
AUDITED = (
    "INSERT INTO scheduled_runs (job, due_at, status, term, started_at, finished_at, result, error) VALUES"
    " ('audit_gaps', product_now(), :status, 1, product_now(), product_now(), CAST(:result AS jsonb), :error)"
)


def parts(world: World) -> dict[str, HealthPart]:
    return {part.name: part for part in check_health(world.operations_worker).parts}


def ticking(world: World, *, age: float = 0) -> None:
    world.execute(TICKED, age=age)


def test_an_idle_world_is_well_once_beat_ticks(world: World) -> None:
    ticking(world)
    assert {name: part.found for name, part in parts(world).items() if not part.well} == {}


def test_a_report_gives_its_connection_back(world: World) -> None:
    check_health(world.operations_worker)
    pool = world.context.database.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 0


def test_a_session_is_of_no_use_after_its_block(world: World) -> None:
    with world.context.database.reading() as session:
        pass
    with pytest.raises(InvalidRequestError):
        session.connection()


def test_the_report_is_stored_as_it_was_found(world: World) -> None:
    report = check_health(world.operations_worker)
    with world.context.database.reading() as session:
        stored = health.latest(session)
    assert stored is not None
    assert (stored.healthy, [part["name"] for part in stored.parts]) == (False, [part.name for part in report.parts])
    assert summary(report) == {"healthy": False, "unwell": ["beat"]}


@pytest.mark.parametrize(
    ("name", "statement", "values"),
    [
        ("beat", TICKED, {"age": 31}),
        ("queue priority", RUN_IS_DUE, {"job": "operational_health_check", "age": 130}),
        ("queue default", RUN_IS_DUE, {"job": "check_completed_jobs", "age": 130}),
        ("canary campaigns", SEND_CANARIES_RAN, {"age": 200, "result": "{}"}),
        ("webhook loop", SEND_CANARIES_RAN, {"age": 200, "result": '{"loop": "http_401"}'}),
        ("canaries", SEND_CANARIES_RAN, {"age": 3000, "result": "{}"}),
        (
            "certificate",
            SEND_CANARIES_RAN,
            {"age": 200, "result": '{"certificate_until": "2020-01-01T00:00:00+00:00"}'},
        ),
        ("provider", AUDITED, {"status": "failed", "result": None, "error": "unauthorized"}),
        ("provider webhook", AUDITED, {"status": "succeeded", "result": '{"webhook_enabled": false}', "error": None}),
    ],
)
def test_each_is_unwell_by_its_rows(world: World, name: str, statement: str, values: dict[str, Any]) -> None:
    world.execute(statement, **values)
    part = parts(world)[name]
    assert (part.well, part.remedy != "") == (False, True)
    assert name in PARTS, "its gauge has a place"


def test_texts_that_wait_or_cannot_be_settled(world: World) -> None:
    late = world.message(not_before=world.now() - timedelta(minutes=6))
    assert not parts(world)["sending"].well
    world.execute("UPDATE messages SET published_at = clock_timestamp() - interval '6 minutes' WHERE id = :id", id=late)
    assert (parts(world)["queue campaigns"].age or timedelta(0)) >= timedelta(minutes=6)
    world.execute(
        "UPDATE messages SET status = 'uncertain', published_at = NULL,"
        " submitted_at = product_now() - interval '16 minutes' WHERE id = :id",
        id=late,
    )
    assert not parts(world)["uncertain messages"].well
    world.execute("UPDATE messages SET status = 'held', reason = 'unsettled' WHERE id = :id", id=late)
    found = parts(world)
    assert (found["held messages"].found, found["uncertain messages"].well) == ("1", True)


def test_webhooks_that_wait(world: World) -> None:
    world.accept(world.text_from("+12125559999", "hello"))
    assert parts(world)["inbox"].well
    world.execute("UPDATE inbox SET received_at = product_now() - interval '61 seconds'")
    found = parts(world)
    assert (found["inbox"].well, found["queue webhooks"].well) == (False, False)


def test_dead_letters(world: World) -> None:
    add_letter(world.context, "debug_task", args=[], reason="error", error="", attempts=1)
    assert parts(world)["dead letters"].remedy


def test_a_broker_that_is_away_leaves_depths_unknown(make_world: Callable[..., World]) -> None:
    world = make_world(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    found = parts(world)
    assert (found["redis"].well, found["queue default"].found) == (False, "depth unknown")


@pytest.mark.own_valkey
def test_a_broker_that_misses_the_first_question_is_well(
    world: World, valkey_server: ValkeyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ping_and_resume(broker: Broker) -> None:
        try:
            ping(broker)
        finally:
            valkey_server.resume()

    ping = Broker.ping
    monkeypatch.setattr(Broker, "ping", ping_and_resume)
    valkey_server.freeze()
    assert parts(world)["redis"].well


def test_canaries_that_returned_are_well(world: World) -> None:
    world.execute(SEND_CANARIES_RAN, age=200, result='{"loop": ""}')
    with world.context.database.transaction() as session:
        for name in CANARIES.values():
            work.count_delivery(session, task_id=name, name=name, args=[], traceparent=None)
            work.finish(session, task_id=name, outcome="succeeded", seconds=0.1, error=None)
    found = parts(world)
    assert all(found[f"canary {queue}"].well for queue in CANARIES)
    assert "webhook loop" not in found, "none was to be sent"


def test_canaries_go_into_each_queue_and_say_when_our_address_is_dead(make_world: Callable[..., World]) -> None:
    world = make_world(ingress_url=f"http://127.0.0.1:{free_port()}/webhooks/openphone")
    assert send_canaries(world.operations_worker, 1) == {"queues": 4, "loop": "ConnectError", "certificate_until": None}
    depths = {depth.queue: depth.waiting for depth in world.context.inspector.depths()}
    assert set(depths.values()) == {1}


def test_other_roles_see_what_the_operations_worker_saw_of_the_cluster(world: World) -> None:
    seen = {"name": "rollouts", "well": False, "found": "beat 0 of 1", "remedy": "kubectl get pods"}
    with world.context.database.transaction() as session:
        health.store(session, healthy=False, parts=[seen])
    part = parts(world)["rollouts"]
    assert (part.well, part.found) == (False, "beat 0 of 1")
    assert part.age is not None


class TestGauges:
    @pytest.fixture(autouse=True)
    def table(self) -> None:
        metering.share_table(1, INSTRUMENTS)

    def test_the_leader_shows_what_the_report_says(self, world: World) -> None:
        world.message(not_before=world.now() - timedelta(minutes=6))
        world.context.broker.enqueue(TaskName.DEBUG_TASK, [])
        measure(world.context)
        shown = {(each.instrument.name, *each.labels.values()): each.value for each in metering.read()}
        assert shown[WAITING.name, "due"] == 1
        assert shown[QUEUE_DEPTH.name, "default"] == 1
        for part in check_health(world.operations_worker).parts:
            assert shown[HEALTH.name, part.name] == part.well, part.name

    def test_no_part_is_without_a_place(self, world: World) -> None:
        assert {part.name for part in check_health(world.operations_worker).parts} <= set(PARTS)
