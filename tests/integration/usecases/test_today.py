"""Today's counts on real rows: each thing counted where it belongs, and a day read by its indexes alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import event

from services.core.domain.messages import MessageStatus
from services.core.domain.today import REVIEW_WITHIN, FirstStep, ToDoKind
from services.core.storage import clock
from services.core.storage.today import REPLIES_LOOKED_AT
from services.core.usecases.contacts.opt_out import add_opt_out
from services.core.usecases.operations.sending import stop_sending
from services.core.usecases.operations.today import show_today
from services.core.views.opt_outs import NewOptOut
from services.core.views.today import Today
from tests.tools import rows
from tests.tools.world import World

YEARS_BEFORE = """
INSERT INTO contacts (e164) SELECT '+1212' || (2000000 + nth) FROM generate_series(1, 20000) AS nth;
INSERT INTO messages (direction, kind, contact_id, e164, sender, sender_phone_number_id, body_hash, status,
                      submitted_at, created_at)
SELECT 'outgoing', 'marketing', id, e164, '+12125550100', 'PN', sha256('x'), 'delivered',
       product_now() - interval '1 year', product_now() - interval '1 year' FROM contacts;
INSERT INTO messages (direction, kind, contact_id, e164, sender, sender_phone_number_id, body_hash, status, created_at)
SELECT 'incoming', 'transactional', id, e164, '+12125550100', 'PN', sha256('x'), 'received',
       product_now() - interval '1 year' FROM contacts WHERE id % 4 = 0;
INSERT INTO messages (direction, kind, contact_id, e164, sender, sender_phone_number_id, body_hash, status,
                      submitted_at, created_at)
SELECT 'outgoing', 'transactional', id, e164, '+12125550100', 'PN', sha256('y'), 'delivered',
       product_now() - interval '1 year', product_now() - interval '1 year' FROM contacts WHERE id % 4 = 0;
INSERT INTO opt_outs (contact_id, e164, source, rule, said_at, recorded_at)
SELECT id, e164, 'webhook', 'keyword', product_now() - interval '1 year', product_now() - interval '1 year'
FROM contacts;
"""


def person(world: World, nth: int) -> int:
    return rows.known(world.context, f"+1202555{1000 + nth}")


def to_do(day: Today) -> dict[ToDoKind, int]:
    return {each.kind: each.count for each in day.to_do}


def test_an_empty_installation_says_what_comes_first(world: World) -> None:
    day = show_today(world.context)
    assert (day.first_step, to_do(day), day.texts.left, day.texts.sent) == (FirstStep.IMPORT, {}, 0, 0)
    person(world, 1)
    assert show_today(world.context).first_step is FirstStep.CAMPAIGN


def test_a_text_counts_by_what_became_of_it(world: World) -> None:
    with world.context.database.reading() as session:
        now = clock.product_now(session)
    ends = (MessageStatus.DELIVERED, MessageStatus.UNDELIVERED, MessageStatus.FAILED, MessageStatus.SENT)
    for nth, status in enumerate(ends):
        rows.add_text(world.context, person(world, nth), status=status, reason="x", submitted_at=now)
    rows.add_text(world.context, person(world, 9), submitted_at=now - timedelta(days=2), status=MessageStatus.SENT)
    rows.add_held_text(world.context, person(world, 10))
    rows.add_text(world.context, person(world, 11))
    texts = show_today(world.context).texts
    assert (texts.left, texts.sent, texts.delivered, texts.failed, texts.unknown) == (1, 5, 1, 2, 1)


def test_what_waits_comes_in_the_order_in_which_it_presses(world: World) -> None:
    rows.add_letter(world.context)
    rows.add_held_text(world.context, person(world, 1))
    rows.add_reply(world.context, person(world, 2))
    rows.add_review(world.context, person(world, 3))
    world.execute(
        "INSERT INTO inbox (scheme, dedupe_key, body_hash, status, reason)"
        " VALUES ('standard', 'x', sha256('x'), 'quarantined', 'stale_signature')"
    )
    stopped = world.campaign(started=False)
    world.execute(
        "UPDATE campaigns SET stopped_at = product_now(), stopped_because = 'plan_drifted' WHERE id = :id", id=stopped
    )
    day = show_today(world.context)
    assert [each.kind for each in day.to_do] == list(ToDoKind)
    first = day.to_do[0]
    assert first.deadline is not None
    assert first.oldest is not None
    assert first.deadline == day.at - first.oldest + REVIEW_WITHIN


def test_who_was_answered_or_may_not_be_answered_does_not_wait(world: World) -> None:
    for nth in range(3):
        rows.add_reply(world.context, person(world, nth))
        rows.add_reply(world.context, person(world, nth), "hello?")
    assert to_do(show_today(world.context)) == {ToDoKind.REPLIES: 3}
    rows.add_text(world.context, person(world, 0), "Tomorrow at nine.")
    add_opt_out(world.context, NewOptOut(phone="+12025551001", evidence="by phone"), by="a test")
    day = show_today(world.context)
    assert (to_do(day), day.replies, day.opt_outs) == ({ToDoKind.REPLIES: 1}, 6, 1)


def test_a_stop_is_in_the_sentence(world: World) -> None:
    stop_sending(world.context, reason="wrong list", by="maria")
    assert "sending is stopped" in show_today(world.context).sentence


def test_it_reads_no_table_that_only_grows(world: World) -> None:
    for statement in YEARS_BEFORE.split(";\n"):
        if statement.strip():
            world.execute(statement)
    world.execute("ANALYZE")
    with statements(world) as seen:
        show_today(world.context)
    assert len(seen) < 60
    for statement, values in seen:
        looked_at = max(
            rows_looked_at(node) for node in plan(world, statement, values) if node.get("Relation Name") != "contacts"
        )
        assert looked_at <= REPLIES_LOOKED_AT, statement


@contextmanager
def statements(world: World) -> Iterator[list[tuple[str, Any]]]:
    """Every query with its values, as they are sent."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.lstrip().startswith("SELECT"):
            seen.append((statement, parameters))

    engine = world.context.database.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def plan(world: World, statement: str, parameters: Any) -> Iterator[dict[str, Any]]:
    with world.context.database.reading() as session:
        connection = session.connection()
        [(found,)] = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).all()
    document = json.loads(found) if isinstance(found, str) else found
    yield from nodes(document[0]["Plan"])


def rows_looked_at(node: dict[str, Any]) -> float:
    """How many rows one look of a step read, also those that it threw away.

    Contacts are left out by who asks: while they are few the planner reads them all beside those who wrote.
    """
    return float(node["Actual Rows"] + node.get("Rows Removed by Filter", 0))


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)
