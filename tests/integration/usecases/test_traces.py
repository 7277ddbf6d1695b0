"""What joins a trace later: repeats, look-ups, receipts, answers and replays; and who is linked with whom."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from services.core.domain.messages import MessageStatus
from services.core.queue.names import TaskName
from services.core.runtime import tracing
from services.core.storage import messages
from services.core.usecases.dead_letters.replay import replay_dead_letter
from services.core.usecases.messages.dispatch import Dispatcher
from services.core.usecases.messages.explain import explain_message
from services.core.usecases.operations.sweep import sweep
from tests.tools.rows import add_letter
from tests.tools.spans import Recorded, id_of, links_of, parent_of, record
from tests.tools.world import World, new_number


@pytest.fixture
def seen() -> Iterator[Recorded]:
    yield record()
    tracing.use(None)


def own_trace() -> str:
    return tracing.new_trace(kept=1)


def ids(traceparent: str | None) -> str:
    assert traceparent is not None
    return traceparent[3:-3]


def test_a_repeated_dispatch_is_under_the_first(world: World, seen: Recorded) -> None:
    trace, act = own_trace(), own_trace()
    message_id = world.message(traceparent=trace, begun_by=act)
    dispatcher = Dispatcher(world.beat)
    assert dispatcher.dispatch() == 1
    with world.context.database.transaction() as session:
        session.execute(text("UPDATE messages SET published_at = published_at - interval '1 hour'"))
    world.lose_queues()
    sweep(world.beat)
    assert dispatcher.dispatch() == 1
    first, again = seen.all("message.dispatch")
    assert id_of(first) == ids(trace)
    assert ids(act) in links_of(first)
    assert parent_of(again) == ids(trace)
    assert [(span.attributes or {})["attackacrack.message.dispatches"] for span in (first, again)] == [1, 2]
    assert explain_message(world.console, message_id).begun_by_trace_id == tracing.trace_id_of(act)


def test_a_campaigns_start_and_its_texts_know_each_other(world: World, seen: Recorded) -> None:
    with tracing.span("act"):
        world.campaign(people=3)
    Dispatcher(world.beat).dispatch()
    roots = seen.all("message.dispatch")
    assert len(roots) == 3
    assert all(id_of(seen["act"]) in links_of(root) for root in roots)
    assert {id_of(root) for root in roots} <= set(links_of(seen["act"]))
    assert len({id_of(root)[:32] for root in roots}) == 3


def test_an_unkept_text_leaves_no_span_and_why_says_so(make_world: Callable[..., World], seen: Recorded) -> None:
    world = make_world(trace_sample_ratio=0)
    world.campaign(people=1)
    Dispatcher(world.beat).dispatch()
    assert seen.all("message.dispatch") == []
    explained = explain_message(world.console, 1)
    assert explained.trace_id is not None
    assert not explained.trace_kept


def test_a_look_up_is_in_the_texts_trace(world: World, seen: Recorded) -> None:
    trace = own_trace()
    message_id = world.message(traceparent=trace)
    world.simulator.add_fault("server_error", created=1, times=1)
    world.send(message_id)
    assert world.row(message_id).status == MessageStatus.UNCERTAIN
    world.look(message_id)
    assert parent_of(seen["message.send"]) == parent_of(seen["message.reconcile"]) == ids(trace)
    assert (seen["message.send"].attributes or {})["error.type"] == "http_500"
    assert parent_of(seen["GET /messages"]) == id_of(seen["message.reconcile"])


def test_a_receipt_is_in_the_texts_trace_and_linked_with_its_webhook(world: World, seen: Recorded) -> None:
    trace = own_trace()
    message_id = world.message(traceparent=trace)
    world.send(message_id)
    world.receive(world.receipt_for("delivered", message_id))
    receipt, webhook = seen["message.receipt"], seen["webhook.handle"]
    assert parent_of(receipt) == ids(trace)
    assert links_of(receipt) == [id_of(webhook)]
    assert id_of(receipt) in links_of(webhook)


def test_an_answer_has_a_trace_of_its_own_that_its_webhook_is_linked_with(world: World, seen: Recorded) -> None:
    e164 = new_number()
    world.receive(world.text_from(e164, "HELP"))
    with world.context.database.reading() as session:
        [answer] = [row for row in messages.page(session, e164=e164) if row.direction == "outgoing"]
    explained = explain_message(world.console, answer.id)
    keep = seen["reply.keep"]
    assert explained.begun_by_trace_id == id_of(keep)[:32]
    assert explained.trace_id is not None
    assert explained.trace_id in {link[:32] for link in links_of(keep)}


def test_a_replayed_letter_goes_on_in_its_trace(world: World, seen: Recorded) -> None:
    trace = own_trace()
    letter_id = add_letter(
        world.context, TaskName.DEBUG_TASK, args=["1"], reason="x", error="", attempts=1, traceparent=trace
    )
    with tracing.span("act"):
        replay_dead_letter(world.console, letter_id or 0, by="a test")
    again = seen["dead_letter.replay"]
    assert parent_of(again) == ids(trace)
    assert links_of(again) == [id_of(seen["act"])]
    assert links_of(seen["act"]) == [id_of(again)]
    assert parent_of(seen["send default"]) == id_of(again)
