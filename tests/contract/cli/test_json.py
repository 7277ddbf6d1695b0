"""The documents of `--json` have the shapes that other programs rely on: they may grow, and never lose a key."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from sqlalchemy import text

from services.cli.demo.run import CONTACTS as DEMO_CONTACTS
from services.core.domain.messages import MessageStatus
from services.core.storage import sign_ins, work
from services.core.storage.models import InboxEvent
from tests.contract.record import RECORDED, positioned
from tests.tools import rows
from tests.tools.command_line import TEXT, CommandLine

SCHEMAS = positioned(json.loads(RECORDED.read_text()))
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


def conforms(document: object, verb: str) -> None:
    """Whether it has the shape of what the verb answers; of a list not an empty one."""
    shape = SCHEMAS["verbs"][verb]
    schema: dict[str, Any] = {"$ref": f"#/$defs/{shape.rstrip('*')}"}
    if shape.endswith("*"):
        items = {"type": "array", "items": schema, "minItems": 1}
        properties = {"items": items, "next": {"type": ["integer", "null"]}}
        schema = {"type": "object", "properties": properties, "required": ["items", "next"]}
    Draft202012Validator({"$defs": SCHEMAS["$defs"]} | schema, format_checker=FormatChecker()).validate(document)


def verb_of(command: tuple[object, ...]) -> str:
    return next(verb for verb in (" ".join(map(str, command[:2])), str(command[0])) if verb in SCHEMAS["verbs"])


@pytest.fixture
def world(attackacrack: CommandLine) -> CommandLine:
    """A stack with one of everything: held message 1, waiting message 2, a letter, a review, a job, a campaign ..."""
    attackacrack.add_message()
    attackacrack.add_message(MessageStatus.PENDING, number="+12025550144")
    rows.add_letter(attackacrack.context, args=[1], task_id="1")
    rows.add_review(attackacrack.context, rows.known(attackacrack.context, "+12025550145"))
    with attackacrack.context.database.transaction() as session:
        work.count_delivery(session, task_id="1", name="debug_task", args=[1], traceparent=None)
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
    "command",
    [
        ("contacts", "import", DEMO_CONTACTS, "--dry-run"),
        ("contacts", "import", DEMO_CONTACTS, "--confirm"),
        ("contacts", "imports"),
        ("contacts", "show-import", "1"),
        ("contacts", "import-rows", "1"),
        ("contacts", "discard-import", "2"),
        ("contacts", "add", "2025550149"),
        ("contacts", "show", "+12025550143"),
        ("contacts", "list"),
        ("contacts", "erase", "+12025550146", "--reason", "x", "--yes"),
        ("opt-outs", "list"),
        ("opt-outs", "lift", "+12025550146", "--evidence", "x"),
        ("opt-outs", "add", "2025550149", "--evidence", "x"),
        ("campaigns", "create", "--name", "x", "--all", "--template", TEXT),
        ("campaigns", "edit", "Spring", "--daily-cap", "60"),
        ("campaigns", "delete", "Spring"),
        ("campaigns", "preview", "Spring"),
        ("campaigns", "plan", "Spring"),
        ("campaigns", "show", "Spring"),
        ("campaigns", "cancel", "Spring"),
        ("campaigns", "list"),
        ("campaigns", "recipients", "Spring"),
        ("campaigns", "results", "Spring"),
        ("campaigns", "clone", "Spring", "--name", "Again"),
        ("conversations", "list"),
        ("conversations", "show", WROTE),
        ("conversations", "reply", WROTE, "We will be there at 9."),
        ("jobs", "add", "J-2", "--number", WROTE, "--type", "crack"),
        ("jobs", "update", "J-1", "--cancel"),
        ("jobs", "list"),
        ("jobs", "show", "J-1"),
        ("jobs", "import", DEMO_CONTACTS),
        ("provider", "register-webhook", "https://texts.example.com/webhooks/openphone"),
        ("messages", "list"),
        ("messages", "show", 1),
        ("messages", "why", 1),
        ("messages", "why", 2),
        ("held", "list"),
        ("held", "show", 1),
        ("held", "release", 1, *PERSON),
        ("held", "cancel", 1, *PERSON),
        ("held", "release-many", "--older-than", "PT0S", *PERSON),
        ("held", "cancel-many", "--campaign", "Spring", *PERSON, "--apply"),
        ("reviews", "list"),
        ("reviews", "show", 1),
        ("reviews", "decide", 1, "--keep"),
        ("webhooks", "list"),
        ("webhooks", "show", 1),
        ("webhooks", "show", 2),
        ("webhooks", "replay", 2),
        ("webhooks", "replay", "--all", "--dry-run"),
        ("webhooks", "discard", 2, "--note", "x"),
        ("sending", "stop", "--reason", "x"),
        ("sending", "resume"),
        ("sending", "status"),
        ("clock", "show"),
        ("schema", "show"),
        ("schema", "migrate"),
        ("schema", "grants"),
        ("schema", "wait"),
        ("schedule", "list"),
        ("schedule", "run-now", "check_completed_jobs"),
        ("schedule", "pause", "check_completed_jobs"),
        ("schedule", "resume", "check_completed_jobs"),
        ("dead-letters", "list"),
        ("dead-letters", "show", 1),
        ("dead-letters", "replay", 1),
        ("dead-letters", "discard", 1, "--note", "x"),
        ("tasks", "list"),
        ("tokens", "create", "office"),
        ("users", "invite", "Maria"),
        ("audit", "list"),
        ("queues",),
        ("today",),
    ],
    ids=lambda command: " ".join(map(str, command[:2])),
)
def test_a_document_conforms(world: CommandLine, command: tuple[object, ...]) -> None:
    conforms(world.ask(*command), verb_of(command))


def test_what_needs_an_act_before_it(world: CommandLine) -> None:
    world.ask("tokens", "create", "office")
    world.ask("schedule", "run-now", "check_completed_jobs")
    conforms(world.ask("tokens", "list"), "tokens list")
    conforms(world.ask("tokens", "revoke", "office"), "tokens revoke")
    maria = world.ask("users", "invite", "Maria", "--role", "operator")
    with world.context.database.transaction() as session:
        sign_ins.begin(session, maria["user_id"], address="10.2.0.17", agent="a browser")
    for verb in ("list", "link", "change-role", "sessions", "end-sessions", "disable", "enable"):
        options = {"list": (), "change-role": ("Maria", "--role", "admin")}.get(verb, ("Maria",))
        conforms(world.ask("users", verb, *options), f"users {verb}")
    conforms(world.ask("schedule", "history"), "schedule history")
    conforms(world.run("health", "--json").document, "health")
    assert world.ask("workers").keys() == {"items", "next"}
    plan = world.ask("campaigns", "plan", "Spring")
    for verb in ("start", "pause", "resume"):
        options = ("--plan", plan["plan_hash"]) if verb == "start" else ()
        conforms(world.ask("campaigns", verb, "Spring", *options), f"campaigns {verb}")
    conforms(world.ask("campaigns", "change", "Spring", "--daily-cap", "60"), "campaigns change")
    with world.context.database.transaction() as session:
        session.execute(text("UPDATE installation SET lineage = 'another'"))
    conforms(world.ask("sending", "recover"), "sending recover")
    conforms(world.ask("sending", "adopt", "--reason", "x"), "sending adopt")
    moved = world.ask("clock", "move", "--by", "P30D")
    conforms(moved, "clock move")


def test_what_is_not_well_is_still_a_document(world: CommandLine) -> None:
    for command in ("check", "checklist"):
        answer = world.run("provider", command, "--json")
        assert answer.code == 1
        conforms(answer.document, f"provider {command}")


def test_an_export_says_where_it_is(world: CommandLine, tmp_path: Path) -> None:
    conforms(world.ask("campaigns", "export", "Spring", tmp_path / "spring.csv"), "campaigns export")


def test_a_lost_key_is_noticed(world: CommandLine) -> None:
    document = world.ask("clock", "show")
    del document["offset"]
    with pytest.raises(Exception, match="'offset' is a required property"):
        conforms(document, "clock show")
