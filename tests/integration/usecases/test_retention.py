"""Each rule of `services/RETENTION.md` lets go of what is older, and of nothing else; the page is whole and true."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from services.core.domain.access import Role
from services.core.storage import agreements, sign_ins, users
from services.core.storage.database import Session
from services.core.storage.models import Base
from services.core.usecases.contacts.confirm_import import confirm_import
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.usecases.operations.clean_up import RULES, Forget, clean_up
from tests.tools.world import World, new_number

PAGE = (Path(__file__).parents[3] / "services" / "RETENTION.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
Rule = tuple[str, Forget, timedelta]
SAID = "my porch is sinking"


def left(world: World, what: str) -> int:
    return int(world.value(f"SELECT count(*) FROM {what}"))  # noqa: S608 - names of ours


def test_the_page_names_every_table_and_no_other() -> None:
    assert {row[0] for row in ROWS} - {"table"} == set(Base.metadata.tables)


def test_the_page_has_every_rule_with_its_days() -> None:
    rules = [row for row in ROWS if len(row) == 6 and row[0] != "table"]
    said = {row[3]: int(days) for row in rules for days in re.findall(r"(\d+) days", row[2])[:1]}
    assert said == {name: kept / timedelta(days=1) for name, _, kept in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0])
def test_a_batch_goes_by_the_index_that_the_page_names(world: World, rule: Rule) -> None:
    """So the last batch of a night, which finds nothing, costs no reading of a table that only grows."""
    name, forget, kept = rule
    [index] = [row[4] for row in ROWS if len(row) == 6 and row[3] == name]
    with world.context.database.transaction() as session:
        for way in ("seqscan", "hashjoin", "mergejoin"):
            session.execute(text(f"SET LOCAL enable_{way} = off"))
        plan = explained(session, lambda: forget(session, older_than=kept, limit=1000))
    assert index.startswith("none: ") == ("Seq Scan" in plan), plan
    assert index.startswith("none: ") or index in plan, plan


def explained(session: Session, act: Callable[[], object]) -> str:
    """The plan of the one statement that the act sends."""
    plans: list[str] = []

    def explain(_connection: object, cursor: Any, statement: str, given: Any, *_: object) -> None:
        plans.append("\n".join(line for (line,) in cursor.connection.execute(f"EXPLAIN {statement}", given)))

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", explain)
    try:
        act()
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    [plan] = plans
    return plan


def an_answered_text(world: World) -> str:
    world.receive(world.text_from(new_number(), SAID))
    return "messages WHERE body IS NOT NULL"


def a_sent_text(world: World) -> str:
    message = world.message()
    world.send(message)
    world.receive(world.receipt_for("delivered", message))
    return "messages WHERE body IS NOT NULL"


def a_finished_campaign(world: World) -> str:
    campaign = world.campaign(people=1)
    world.execute("UPDATE campaigns SET status = 'finished', finished_at = product_now() WHERE id = :id", id=campaign)
    return "recipients WHERE body <> ''"


def imported(world: World, *, confirmed: bool) -> str:
    report = dry_run_import(world.console, [b"phone\n%s\n" % new_number().encode()], file_name="x.csv", by="maria")
    if confirmed:
        confirm_import(world.console, report.import_id, by="maria")
    return "import_rows"


def a_look(world: World) -> str:
    world.send(message := world.message())
    world.execute(
        "INSERT INTO looks (attempt_id, at, listed, candidates, control_seen)"
        " SELECT id, product_now(), 0, '[]', false FROM attempts WHERE message_id = :id",
        id=message,
    )
    return "looks"


def a_closed_letter(world: World) -> str:
    world.execute(
        "INSERT INTO dead_letters (name, args, reason, error, attempts, discarded_at, discarded_by, note)"
        " VALUES ('debug_task', '[]', 'x', 'x', 1, product_now(), 'maria', 'x')"
    )
    return "dead_letters"


MADE = [
    pytest.param(an_answered_text, "texts", 30, id="a text from a person"),
    pytest.param(a_sent_text, "texts", 30, id="a text of ours"),
    pytest.param(a_finished_campaign, "planned_texts", 30, id="a plan"),
    pytest.param(lambda world: imported(world, confirmed=True), "import_rows", 30, id="a file"),
    pytest.param(lambda world: imported(world, confirmed=False), "unconfirmed_rows", 2, id="a dry run"),
    pytest.param(a_look, "looks", 400, id="a look"),
    pytest.param(a_closed_letter, "closed_letters", 90, id="a closed letter"),
]


@pytest.mark.parametrize(("make", "rule", "days"), MADE)
def test_a_rule_reaches_what_is_older_and_nothing_else(
    world: World, make: Callable[[World], str], rule: str, days: int
) -> None:
    what = make(world)
    assert left(world, what) > 0
    world.move(days=days - 0.1)
    assert clean_up(world.operations_worker)[rule] == 0
    kept = left(world, what)
    world.move(days=0.2)
    assert clean_up(world.operations_worker)[rule] == kept
    assert left(world, what) == 0
    assert clean_up(world.operations_worker)[rule] == 0


@pytest.mark.parametrize(
    ("rule", "table", "began", "days"),
    [
        ("sign_in_links", "sign_in_links", "expires_at", 2),
        ("agreements", "agreements", "expires_at", 2),
        ("user_sessions", "user_sessions", "created_at", 90),
    ],
)
def test_what_belongs_to_signing_in_goes_by_real_time(
    world: World, rule: str, table: str, began: str, days: int
) -> None:
    """Who moves the product's clock signs nobody out."""
    with world.context.database.transaction() as session:
        user = users.add(session, name="Maria", role=Role.VIEWER)
        sign_ins.make_link(session, user)
        secret = sign_ins.begin(session, user.id, address="10.2.0.17", agent="a browser")
        if table == "agreements":
            [known] = sign_ins.find_known(session, [sign_ins.hash_secret(secret)]).values()
            agreements.make(session, session_id=known.session_id)
    world.move(days=500)
    assert clean_up(world.operations_worker)[rule] == 0
    if began == "expires_at":
        world.execute(f"UPDATE {table} SET created_at = created_at - interval '1 year'")  # noqa: S608
    world.execute(f"UPDATE {table} SET {began} = now() - :ago", ago=timedelta(days=days - 0.1))  # noqa: S608
    assert clean_up(world.operations_worker)[rule] == 0
    world.execute(f"UPDATE {table} SET {began} = {began} - interval '5 hours'")  # noqa: S608 - names of ours
    assert clean_up(world.operations_worker)[rule] == 1
    assert left(world, table) == 0


@pytest.mark.parametrize("status", ["pending", "sending", "uncertain", "held"])
def test_a_text_under_way_keeps_its_words_however_old(world: World, status: str) -> None:
    message = world.message()
    world.execute("UPDATE messages SET status = :status, lease_until = now() WHERE id = :id", status=status, id=message)
    world.move(days=60)
    assert clean_up(world.operations_worker)["texts"] == 0


def test_what_waits_for_a_person_waits_for_ever(world: World) -> None:
    a_closed_letter(world)
    world.execute("UPDATE dead_letters SET discarded_at = NULL")
    campaign = world.campaign(people=1, started=False)
    world.move(days=500)
    clean_up(world.operations_worker)
    assert left(world, "dead_letters") == 1
    assert left(world, f"recipients WHERE body <> '' AND campaign_id = {campaign}") == 1


def test_the_planner_s_statistics_know_no_person(world: World) -> None:
    """Whatever is gathered from rows that are full of one number, name and text."""
    e164 = new_number()
    file = b"phone,first_name,note\n%s,Zebulon,porch is sinking\n" % e164.encode()
    for _ in range(3):
        report = dry_run_import(world.console, [file], file_name=f"{e164}.csv", by="maria")
    confirm_import(world.console, report.import_id, by="maria")
    for _ in range(3):
        world.receive(world.text_from(e164, "Zebulon, my porch is sinking"))
    world.message(contact_id=int(world.value("SELECT id FROM contacts WHERE e164 = :e164", e164=e164)))
    with world.context.database.transaction() as session:
        session.execute(text("ANALYZE"))
        known = session.scalars(
            text(
                "SELECT starelid::regclass || '.' || attname FROM pg_statistic"
                " JOIN pg_attribute ON attrelid = starelid AND attnum = staattnum"
                " WHERE starelid::regclass::text = ANY(:tables) AND concat_ws(' ', stavalues1::text, stavalues2::text,"
                " stavalues3::text, stavalues4::text, stavalues5::text) ~ :words"
            ),
            {"tables": list(Base.metadata.tables), "words": f"{e164[1:]}|Zebulon|porch|{e164[1:].encode().hex()}"},
        ).all()
        assert known == []
        assert session.scalar(text("SELECT count(*) FROM pg_statistic WHERE starelid = 'messages'::regclass")) > 0
