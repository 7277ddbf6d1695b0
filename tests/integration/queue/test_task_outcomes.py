"""What becomes of a task that fails, dies, hangs or makes no sense: always a line in the journal, never a lost one."""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from services.core.queue.enqueue import Batch, Broker, message
from services.core.queue.inspection import Inspector
from services.core.queue.names import OPERATIONS, WEBHOOK, Queue, TaskName
from tests.conftest import ValkeyProcess
from tests.integration.queue.conftest import NewWorker
from tests.tools.waiting import wait_until

pytestmark = pytest.mark.processes
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_ID_ENDS = 35  # what follows is the span, which each try has of its own


def altered(**changes: Any) -> str:
    """A good message with parts replaced: `body` is the decoded one, the others are headers."""
    good = json.loads(message(TaskName.PROCESS_WEBHOOK, ["quick"], traceparent=None, origin="test"))
    if "body" in changes:
        good["body"] = base64.b64encode(json.dumps(changes.pop("body")).encode()).decode()
    if "content_type" in changes:
        good["content-type"] = changes.pop("content_type")
    good["headers"] |= changes
    return json.dumps(good)


def test_each_failure_ends_as_its_rule_says(new_worker: NewWorker, broker: Broker, inspector: Inspector) -> None:
    worker = new_worker().start("webhook", soft_limit=20)
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["refuse:no", "second"], traceparent=TRACE)
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["heal:healed"], traceparent=TRACE)
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["fail:always"])
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["kill"])
    wait_until(lambda: len(worker.events("gave_up")) == 3)

    [refused] = worker.events("gave_up", "refuse:no")
    assert (refused["reason"], refused["attempts"], refused["traceparent"]) == ("error", 1, TRACE)
    assert refused["args"] == ["refuse:no", "second"]
    assert refused["error"] == "Refused: no"

    healed = worker.events("started", "heal:healed")
    assert [line["traceparent"][:TRACE_ID_ENDS] for line in healed] == [TRACE[:TRACE_ID_ENDS]] * 2
    assert len(worker.events("succeeded", "heal:healed")) == 1

    [exhausted] = worker.events("gave_up", "fail:always")
    assert (exhausted["reason"], exhausted["attempts"]) == ("attempts_exhausted", 8)
    assert len(worker.events("failed", "fail:always")) == 7

    [poison] = worker.events("gave_up", "kill")
    assert (poison["reason"], poison["attempts"]) == ("process_deaths", 3)
    assert len(worker.events("started", "kill")) == 4
    wait_until(lambda: (inspector.waiting(Queue.WEBHOOKS), inspector.unacked(WEBHOOK)) == (0, 0))
    assert worker.is_running


def test_a_task_that_takes_too_long_is_a_dead_letter(new_worker: NewWorker, broker: Broker) -> None:
    worker = new_worker().start("webhook", soft_limit=0.5, hard_limit=1.2)
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["until:never"])
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["hang"])
    wait_until(lambda: len(worker.events("gave_up")) == 2)
    [late] = worker.events("gave_up", "until:never")
    assert (late["reason"], late["seconds"] > 0) == ("soft_time_limit", True), "history says how long, whatever the end"
    assert [line["reason"] for line in worker.events("gave_up", "hang")] == ["process_deaths"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_task_whose_journal_is_down_stays_in_the_broker(
    moment: str, new_worker: NewWorker, broker: Broker, inspector: Inspector
) -> None:
    worker = new_worker().start("webhook")
    if moment == "before":
        worker.release("journal_down")
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["until:go"])
    if moment == "after":
        wait_until(lambda: worker.events("started"))
        worker.release("journal_down")
        worker.release("go")
    wait_until(lambda: "task.put_back" in (worker.folder / "log").read_text())
    assert inspector.waiting(Queue.WEBHOOKS) + inspector.unacked(WEBHOOK) == 1
    worker.release("go")
    (worker.folder / "journal_down").unlink()
    wait_until(lambda: worker.events("succeeded", "until:go"))
    assert not worker.events("gave_up")


@pytest.mark.own_valkey
def test_dead_letters_are_written_while_the_broker_is_down(
    new_worker: NewWorker, broker: Broker, valkey_server: ValkeyProcess
) -> None:
    worker = new_worker().start("webhook")
    broker.enqueue_many(TaskName.PROCESS_WEBHOOK, [Batch(["refuse_after:go"])] * 2)
    wait_until(lambda: len(worker.events("started")) == 2)
    valkey_server.kill()
    worker.release("go")
    wait_until(lambda: len(worker.events("gave_up")) == 2)
    valkey_server.start()
    wait_until(worker.has("ready"))
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["quick"])
    wait_until(lambda: worker.events("succeeded", "quick"))


@pytest.mark.own_valkey
def test_a_repetition_that_the_broker_does_not_take_is_not_lost(
    new_worker: NewWorker, broker: Broker, valkey_server: ValkeyProcess
) -> None:
    worker = new_worker().start("webhook", visibility=2)
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["heal_after:go"])
    wait_until(lambda: worker.events("started"))
    valkey_server.kill()
    worker.release("go")
    wait_until(lambda: worker.events("failed", "heal_after:go"))
    valkey_server.start()
    wait_until(lambda: worker.events("succeeded", "heal_after:go"))


def test_messages_that_make_no_sense_end_visibly_and_harm_nobody(
    new_worker: NewWorker, broker: Broker, redis_client: Redis, inspector: Inspector
) -> None:
    worker = new_worker().start("webhook")
    worker.release("journal_down")
    expected = {
        altered(id=str(uuid4()), task="of_another_release"): "unknown_task",
        altered(id=str(uuid4()), content_type="application/x-python-serialize"): "malformed",
        altered(id=str(uuid4()), body={"args": []}): "malformed",
        altered(id=str(uuid4()), body=[1, 2]): "malformed",
        altered(id=str(uuid4()), task=["a", "list"]): "malformed",
        altered(id=None): "malformed",
        altered(id=str(uuid4()), eta="2099-01-01T00:00:00+00:00"): "malformed",
        altered(id=str(uuid4()), eta="tomorrow"): "malformed",
        altered(id=str(uuid4()), compression="application/x-gzip"): "undecodable",
        altered(id=str(uuid4()), body=[["not", "a list of ids"], {}, {}]): "malformed",
        altered(id=str(uuid4()), body=[[[1, 2]], {}, {}]): "malformed",
        altered(id=str(uuid4()), body=[[["quick"]], {"unknown": 1}, {}]): "malformed",
    }
    redis_client.lpush(Queue.WEBHOOKS, *expected)
    wait_until(lambda: "task.refusal_not_written" in (worker.folder / "log").read_text())
    wait_until(lambda: inspector.waiting(Queue.WEBHOOKS) + inspector.unacked(WEBHOOK) == len(expected))
    (worker.folder / "journal_down").unlink()
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["quick"])
    wait_until(lambda: worker.events("succeeded", "quick"))
    wait_until(lambda: len(worker.events("gave_up")) == len(expected))
    assert sorted(line["reason"] for line in worker.events("gave_up")) == sorted(expected.values())
    wait_until(lambda: (inspector.waiting(Queue.WEBHOOKS), inspector.unacked(WEBHOOK)) == (0, 0))
    assert worker.is_running


def test_bytes_that_are_no_message_leave_the_worker_alive(
    new_worker: NewWorker, broker: Broker, redis_client: Redis
) -> None:
    worker = new_worker().start("webhook")
    redis_client.lpush(Queue.WEBHOOKS, "\x00garbage", "[]", "{}", '{"body": 1}')
    broker.enqueue(TaskName.PROCESS_WEBHOOK, ["quick"])
    wait_until(lambda: worker.events("succeeded", "quick"))
    assert worker.is_running


def test_priority_goes_before_default_and_results_are_kept_where_asked(
    new_worker: NewWorker, broker: Broker, redis_client: Redis, inspector: Inspector
) -> None:
    broker.enqueue_many(TaskName.DEBUG_TASK, [Batch(["later"])] * 3)
    broker.enqueue(TaskName.OPERATIONAL_HEALTH_CHECK, [])
    worker = new_worker().start("operations", concurrency=1)
    wait_until(lambda: len(worker.events("succeeded")) == 4)
    names = [line["name"] for line in worker.events("started")]
    assert names == ["operational_health_check", *["debug_task"] * 3]
    wait_until(lambda: inspector.unacked(OPERATIONS) == 0)
