"""The documents of `--json` have the shapes that other programs rely on: they may grow, and never lose a key."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from sqlalchemy import text

from services.cli.demo.run import CONTACTS as DEMO_CONTACTS
from services.core.domain.messages import MessageStatus
from services.core.storage import contacts, opt_outs, work
from services.core.storage.models import InboxEvent
from tests.tools.command_line import TEXT, CommandLine

SCHEMAS = json.loads(Path(__file__).with_name("schemas.json").read_text())
WROTE = "+12025550147"
PERSON = ("--by", "maria", "--reason", "x")

pytestmark = pytest.mark.usefixtures("simulator")

STALE = json.dumps(
    {
        "id": "EV2",
        "type": "message.received",
        "apiVersion": "2026-03-30",
        "createdAt": "2026-03-02T19:00:00Z",
        "data": {
            "resource": {"id": "AC2", "direction": "incoming", "text": "Yes, please"},
            "context": {"senderIdentifier": "+12025550147", "recipientIdentifiers": ["+12125550100"]},
        },
    }
).encode()


def conforms(document: object, shape: str) -> None:
    """`shape` names a schema; with a star it is a page of such items, and not an empty one."""
    name = shape.rstrip("*")
    schema: dict[str, Any] = {"$ref": f"#/$defs/{name}"}
    if shape.endswith("*"):
        items = {"type": "array", "items": schema, "minItems": 1}
        properties = {"items": items, "next": {"type": ["integer", "null"]}}
        schema = {"type": "object", "properties": properties, "required": ["items", "next"]}
    Draft202012Validator(SCHEMAS | schema, format_checker=FormatChecker()).validate(document)


@pytest.fixture
def world(attackacrack: CommandLine) -> CommandLine:
    """A stack with one of everything: held message 1, waiting message 2, a letter, a review, a job, a campaign ..."""
    attackacrack.add_message()
    attackacrack.add_message(MessageStatus.PENDING, number="+12025550144")
    at = attackacrack.product_now()
    with attackacrack.context.database.transaction() as session:
        work.add_dead_letter(
            session, name="debug_task", args=[1], reason="x", error="x", attempts=3, traceparent=None, task_id="1"
        )
        work.count_delivery(session, task_id="1", name="debug_task", args=[1], traceparent=None)
        contact = contacts.lock_by_number(session, "+12025550145")
        event = InboxEvent(scheme="standard", dedupe_key="1", body_hash=b"1", status="handled")
        session.add(event)
        session.flush()
        opt_outs.ask_for_review(session, contact, rule="bare_keyword", said_at=at, inbox_id=event.id)
        aside = {"status": "quarantined", "reason": "stale_signature", "raw": STALE}
        session.add(InboxEvent(scheme="standard", dedupe_key="2", body_hash=b"1", **aside))
    attackacrack.add_reply(WROTE)
    attackacrack.ask("jobs", "add", "J-1", "--number", "+12025550144", "--type", "crack")
    attackacrack.ask("opt-outs", "add", "+12025550146", "--evidence", "by phone")
    attackacrack.add_campaign()
    attackacrack.ask("contacts", "import", DEMO_CONTACTS, "--confirm")
    attackacrack.ask("contacts", "import", DEMO_CONTACTS, "--dry-run")
    return attackacrack


@pytest.mark.parametrize(
    ("command", "shape"),
    [
        (("contacts", "import", DEMO_CONTACTS, "--dry-run"), "import"),
        (("contacts", "import", DEMO_CONTACTS, "--confirm"), "import"),
        (("contacts", "imports"), "import*"),
        (("contacts", "show-import", "1"), "import"),
        (("contacts", "import-rows", "1"), "import-row*"),
        (("contacts", "discard-import", "2"), "import"),
        (("contacts", "add", "2025550149"), "contact"),
        (("contacts", "show", "+12025550143"), "contact"),
        (("contacts", "list"), "contact*"),
        (("contacts", "erase", "+12025550146", "--reason", "x", "--yes"), "erasure"),
        (("opt-outs", "list"), "opt-out*"),
        (("opt-outs", "lift", "+12025550146", "--evidence", "x"), "contact"),
        (("opt-outs", "add", "2025550149", "--evidence", "x"), "contact"),
        (("campaigns", "create", "--name", "x", "--all", "--template", TEXT), "campaign"),
        (("campaigns", "plan", "Spring"), "plan"),
        (("campaigns", "show", "Spring"), "campaign"),
        (("campaigns", "cancel", "Spring"), "campaign"),
        (("campaigns", "list"), "campaign-summary*"),
        (("campaigns", "recipients", "Spring"), "recipient*"),
        (("campaigns", "results", "Spring"), "results"),
        (("campaigns", "clone", "Spring", "--name", "Again"), "campaign"),
        (("conversations", "list"), "conversation-summary*"),
        (("conversations", "show", WROTE), "conversation"),
        (("conversations", "reply", WROTE, "We will be there at 9."), "reply"),
        (("jobs", "add", "J-2", "--number", WROTE, "--type", "crack"), "put-job"),
        (("jobs", "update", "J-1", "--cancel"), "put-job"),
        (("jobs", "list"), "customer-job*"),
        (("jobs", "show", "J-1"), "customer-job"),
        (("jobs", "import", DEMO_CONTACTS), "job-import"),
        (("provider", "register-webhook", "https://texts.example.com/webhooks/openphone"), "webhook-key"),
        (("messages", "list"), "message*"),
        (("messages", "show", 1), "message"),
        (("messages", "why", 1), "explanation"),
        (("messages", "why", 2), "explanation"),
        (("held", "list"), "held*"),
        (("held", "show", 1), "held"),
        (("held", "release", 1, *PERSON), "held"),
        (("held", "cancel", 1, *PERSON), "held"),
        (("held", "release-many", "--older-than", "PT0S", *PERSON), "decided"),
        (("held", "cancel-many", "--campaign", "Spring", *PERSON, "--apply"), "decided"),
        (("reviews", "list"), "review*"),
        (("reviews", "show", 1), "review"),
        (("reviews", "decide", 1, "--keep"), "review"),
        (("webhooks", "list"), "webhook*"),
        (("webhooks", "show", 1), "webhook-body"),
        (("webhooks", "show", 2), "webhook-body"),
        (("webhooks", "replay", 2), "webhooks-replayed"),
        (("webhooks", "replay", "--all", "--dry-run"), "webhooks-replayed"),
        (("webhooks", "discard", 2, "--note", "x"), "webhook-body"),
        (("sending", "stop", "--reason", "x"), "sending"),
        (("sending", "resume"), "sending"),
        (("sending", "status"), "sending"),
        (("clock", "show"), "clock"),
        (("schema", "show"), "schema"),
        (("schema", "migrate"), "schema"),
        (("schema", "grants"), "schema-grants"),
        (("schema", "wait"), "schema"),
        (("schedule", "list"), "job*"),
        (("schedule", "run-now", "check_completed_jobs"), "run"),
        (("schedule", "pause", "check_completed_jobs"), "switched"),
        (("schedule", "resume", "check_completed_jobs"), "switched"),
        (("dead-letters", "list"), "dead-letter*"),
        (("dead-letters", "show", 1), "dead-letter"),
        (("dead-letters", "replay", 1), "replayed"),
        (("dead-letters", "discard", 1, "--note", "x"), "dead-letter"),
        (("tasks", "list"), "task*"),
        (("tokens", "create", "office"), "new-token"),
        (("audit", "list"), "audit-entry*"),
        (("queues",), "queues"),
    ],
    ids=lambda value: " ".join(map(str, value[:2])) if isinstance(value, tuple) else "",
)
def test_a_document_conforms(world: CommandLine, command: tuple[object, ...], shape: str) -> None:
    conforms(world.ask(*command), shape)


def test_what_needs_an_act_before_it(world: CommandLine) -> None:
    world.ask("tokens", "create", "office")
    world.ask("schedule", "run-now", "check_completed_jobs")
    conforms(world.ask("tokens", "list"), "token*")
    conforms(world.ask("tokens", "revoke", "office"), "token")
    conforms(world.ask("schedule", "history"), "run*")
    conforms(world.run("health", "--json").document, "health")
    assert world.ask("workers").keys() == {"items", "next"}
    plan = world.ask("campaigns", "plan", "Spring")
    for verb in ("start", "pause", "resume"):
        options = ("--plan", plan["plan_hash"]) if verb == "start" else ()
        conforms(world.ask("campaigns", verb, "Spring", *options), "campaign")
    with world.context.database.transaction() as session:
        session.execute(text("UPDATE installation SET lineage = 'another'"))
    conforms(world.ask("sending", "recover"), "recovery")
    conforms(world.ask("sending", "adopt", "--reason", "x"), "recovery")
    moved = world.ask("clock", "move", "--by", "P30D")
    conforms(moved, "clock")


def test_what_is_not_well_is_still_a_document(world: CommandLine) -> None:
    for command, shape in (("check", "provider-check"), ("checklist", "checklist")):
        answer = world.run("provider", command, "--json")
        assert answer.code == 1
        conforms(answer.document, shape)


def test_an_export_says_where_it_is(world: CommandLine, tmp_path: Path) -> None:
    conforms(world.ask("campaigns", "export", "Spring", tmp_path / "spring.csv"), "exported")


def test_a_lost_key_is_noticed(world: CommandLine) -> None:
    document = world.ask("clock", "show")
    del document["offset"]
    with pytest.raises(Exception, match="'offset' is a required property"):
        conforms(document, "clock")
