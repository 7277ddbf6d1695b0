"""Every act of the API with a state of the installation in which it is done, and the request that does it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import text

from services.core.domain.messages import MessageStatus
from services.core.storage.models import InboxEvent
from tests.integration.console.conftest import RunningConsole
from tests.tools import rows
from tests.tools.simulator import RunningSimulator

_numbers = count(5_550_000)


@dataclass(frozen=True, slots=True)
class Request:
    """What to send: the values of the address, and how the body is given."""

    address: dict[str, Any]
    options: dict[str, Any]


def new_number() -> str:
    return f"+1202{next(_numbers)}"


def add_message(console: RunningConsole, status: MessageStatus, *, number: str | None = None) -> int:
    """A text to or from a person; a held one was attempted ten minutes ago."""
    contact_id = rows.known(console.context, number or new_number())
    match status:
        case MessageStatus.RECEIVED:
            return rows.add_reply(console.context, contact_id)
        case MessageStatus.HELD:
            return rows.add_held_text(console.context, contact_id)
        case _:
            return rows.add_text(console.context, contact_id, status=status)


def add_review(console: RunningConsole) -> int:
    rows.add_review(console.context, rows.known(console.context, new_number()))
    return int(console.get("/reviews", params={"limit": 200}).json()["items"][-1]["review_id"])


def add_quarantined(console: RunningConsole) -> int:
    """A reply that came too late to be trusted, as if the clocks had parted."""
    number = new_number()
    raw = json.dumps(
        {
            "id": f"EV{number}",
            "type": "message.received",
            "apiVersion": "2026-03-30",
            "createdAt": "2026-03-02T19:00:00Z",
            "data": {
                "resource": {"id": f"AC{number}", "direction": "incoming", "text": "Yes, please"},
                "context": {"senderIdentifier": number, "recipientIdentifiers": ["+12125550100"]},
            },
        }
    ).encode()
    with console.context.database.transaction() as session:
        event = InboxEvent(
            scheme="standard",
            dedupe_key=number,
            body_hash=b"1",
            raw=raw,
            status="quarantined",
            reason="stale_signature",
        )
        session.add(event)
        session.flush()
        return event.id


def add_import(console: RunningConsole) -> int:
    return int(console.import_csv(f"phone\n{new_number()}\n".encode()).json()["import_id"])


def add_opt_out(console: RunningConsole) -> str:
    number = new_number()
    assert console.post("/opt-outs", json={"number": number, "evidence": "by phone"}).status_code == 201
    return number


def add_campaign(console: RunningConsole, *steps: str) -> tuple[int, str]:
    """A campaign to one new contact that has gone through these steps; its id and its plan's hash."""
    import_id = add_import(console)
    console.post(f"/contacts/imports/{import_id}/confirm")
    campaign_id = console.create_campaign(f"act {new_number()}", audience={"import": import_id})["campaign_id"]
    plan_hash = ""
    for step in steps:
        body = {"json": {"plan_hash": plan_hash}} if step == "start" else {}
        answer = console.post(f"/campaigns/{campaign_id}/{step}", **body)
        assert answer.status_code == 200, answer.text
        plan_hash = answer.json()["plan_hash"]
    return campaign_id, plan_hash


def add_job(console: RunningConsole) -> str:
    name = f"J/{new_number()}"
    body = {"external_id": name, "number": new_number(), "job_type": "foundation"}
    assert console.post("/jobs", json=body).status_code == 200
    return name


def sent_by_provider(console: RunningConsole, simulator: RunningSimulator) -> tuple[int, str]:
    """A held message, and the provider's own id of a text to the same person."""
    number = new_number()
    message_id = add_message(console, MessageStatus.HELD, number=number)
    return message_id, simulator.send(number).json()["data"]["id"]


def on_campaign(*steps: str) -> Callable[[RunningConsole, RunningSimulator], Request]:
    return lambda console, _simulator: Request({"campaign_id": add_campaign(console, *steps)[0]}, {})


def start(console: RunningConsole, _simulator: RunningSimulator) -> Request:
    campaign_id, plan_hash = add_campaign(console, "plan")
    return Request({"campaign_id": campaign_id}, {"json": {"plan_hash": plan_hash}})


def change(console: RunningConsole, _simulator: RunningSimulator) -> Request:
    campaign_id, _ = add_campaign(console, "plan", "start")
    wanted = {"daily_cap": 7}
    shown = console.post(f"/campaigns/{campaign_id}/change", json=wanted).json()
    return Request({"campaign_id": campaign_id}, {"json": wanted | {"change_hash": shown["change_hash"]}})


def on_held(**body: object) -> Callable[[RunningConsole, RunningSimulator], Request]:
    return lambda console, _simulator: Request(
        {"message_id": add_message(console, MessageStatus.HELD)}, {"json": {"reason": "asked her"} | body}
    )


def on_all_held(console: RunningConsole, _simulator: RunningSimulator) -> Request:
    add_message(console, MessageStatus.HELD)
    return Request({}, {"json": {"reason": "asked her", "older_than": "PT0S", "dry_run": False}})


def bind(console: RunningConsole, simulator: RunningSimulator) -> Request:
    message_id, provider_id = sent_by_provider(console, simulator)
    return Request({"message_id": message_id}, {"json": {"reason": "seen", "provider_message_id": provider_id}})


def reply(console: RunningConsole, _simulator: RunningSimulator) -> Request:
    number = new_number()
    add_message(console, MessageStatus.RECEIVED, number=number)
    return Request({"key": number}, {"json": {"text": "We will be there at 9."}})


def move_clock(console: RunningConsole, simulator: RunningSimulator) -> Request:
    """Half an hour past where the simulator of all tests stands already."""
    ahead = timedelta(seconds=simulator.control("GET", "/clock").json()["offset_seconds"], minutes=30)
    real_now = datetime.fromisoformat(console.get("/clock").json()["real_now"])
    return Request({}, {"json": {"to": (real_now + ahead).isoformat()}})


def pause_job(console: RunningConsole, _simulator: RunningSimulator) -> Request:
    console.post("/schedule/audit_gaps/resume")
    return Request({"job": "audit_gaps"}, {})


def resume_job(console: RunningConsole, _simulator: RunningSimulator) -> Request:
    console.post("/schedule/audit_gaps/pause")
    return Request({"job": "audit_gaps"}, {})


def restored(**options: object) -> Callable[[RunningConsole, RunningSimulator], Request]:
    """An act on a database that comes from elsewhere."""

    def prepare(console: RunningConsole, _simulator: RunningSimulator) -> Request:
        with console.context.database.transaction() as session:
            session.execute(text("UPDATE installation SET lineage = 'another'"))
        return Request({}, options)

    return prepare


def rotate(_console: RunningConsole, simulator: RunningSimulator) -> Request:
    made = simulator.register_webhook(f"http://127.0.0.1/{new_number()[1:]}")
    return Request({}, {"json": {"webhook_id": made["id"]}})


def register(_console: RunningConsole, simulator: RunningSimulator) -> Request:
    simulator.reset(keep_webhooks=False)
    return Request({}, {"json": {"url": "http://texts.example.com/webhooks/openphone"}})


def new_token(_console: RunningConsole, _simulator: RunningSimulator) -> Request:
    return Request({}, {"json": {"name": f"token {new_number()}", "role": "viewer"}})


def revoke(console: RunningConsole, simulator: RunningSimulator) -> Request:
    name = console.post("/tokens", **new_token(console, simulator).options).json()["name"]
    return Request({"name": name}, {})


def add_user(console: RunningConsole, *steps: str) -> str:
    """A person who was invited and has gone through these steps; the name."""
    name = f"user {new_number()}"
    assert console.post("/users", json={"name": name, "role": "viewer"}).status_code == 201
    for step in steps:
        assert console.post(f"/users/{name}/{step}").status_code == 200
    return name


def on_user(*steps: str, **options: Any) -> Callable[[RunningConsole, RunningSimulator], Request]:
    return lambda console, _simulator: Request({"name": add_user(console, *steps)}, options)


def csv(content: Callable[[], str], **params: str) -> Callable[[RunningConsole, RunningSimulator], Request]:
    headers = {"content-type": "text/csv"}
    return lambda _console, _simulator: Request(
        {}, {"content": content().encode(), "headers": headers, "params": params}
    )


def body(make: Callable[[], dict[str, Any]]) -> Callable[[RunningConsole, RunningSimulator], Request]:
    return lambda _console, _simulator: Request({}, {"json": make()})


READS = {("POST", "/campaigns/preview"): "stores nothing; a text is too long for an address, and a number has none"}
"""What is asked with a body, and so by a POST, though nothing is done; each with its reason."""

ACTS: dict[tuple[str, str], Callable[[RunningConsole, RunningSimulator], Request]] = {
    ("POST", "/contacts/imports"): csv(lambda: f"phone\n{new_number()}\n"),
    ("POST", "/contacts/imports/{import_id:id}/confirm"): lambda console, _: Request(
        {"import_id": add_import(console)}, {}
    ),
    ("POST", "/contacts/imports/{import_id:id}/discard"): lambda console, _: Request(
        {"import_id": add_import(console)}, {}
    ),
    ("POST", "/contacts"): body(lambda: {"number": new_number(), "state": "DC"}),
    ("POST", "/opt-outs"): body(lambda: {"number": new_number(), "evidence": "by phone"}),
    ("POST", "/opt-outs/lift"): lambda console, _: Request(
        {}, {"json": {"number": add_opt_out(console), "evidence": "signed up again"}}
    ),
    ("POST", "/contacts/{key:contact}/erase"): lambda console, _: Request(
        {"key": add_opt_out(console)}, {"json": {"reason": "asked by letter"}}
    ),
    ("POST", "/campaigns"): body(
        lambda: {"name": f"act {new_number()}", "template_a": "Reply STOP to opt out.", "audience": {"all": True}}
    ),
    ("POST", "/campaigns/{campaign_id:id}/plan"): on_campaign(),
    ("POST", "/campaigns/{campaign_id:id}/start"): start,
    ("POST", "/campaigns/{campaign_id:id}/pause"): on_campaign("plan", "start"),
    ("POST", "/campaigns/{campaign_id:id}/resume"): on_campaign("plan", "start", "pause"),
    ("POST", "/campaigns/{campaign_id:id}/cancel"): on_campaign("plan", "start"),
    ("PATCH", "/campaigns/{campaign_id:id}"): lambda console, _: Request(
        {"campaign_id": add_campaign(console, "plan")[0]}, {"json": {"daily_cap": 7}}
    ),
    ("DELETE", "/campaigns/{campaign_id:id}"): on_campaign("plan"),
    ("POST", "/campaigns/{campaign_id:id}/change"): change,
    ("POST", "/campaigns/{campaign_id:id}/clone"): lambda console, _: Request(
        {"campaign_id": add_campaign(console)[0]}, {"json": {"name": f"clone {new_number()}"}}
    ),
    ("POST", "/held/{message_id:id}/release"): on_held(),
    ("POST", "/held/{message_id:id}/bind"): bind,
    ("POST", "/held/{message_id:id}/cancel"): on_held(),
    ("POST", "/held/release"): on_all_held,
    ("POST", "/held/cancel"): on_all_held,
    ("POST", "/reviews/{review_id:id}/decide"): lambda console, _: Request(
        {"review_id": add_review(console)}, {"json": {"decision": "opt_out"}}
    ),
    ("POST", "/conversations/{key:contact}/reply"): reply,
    ("POST", "/jobs"): body(
        lambda: {"external_id": f"J-{new_number()}", "number": new_number(), "job_type": "foundation"}
    ),
    ("POST", "/job-imports"): csv(
        lambda: f"external_id,phone,job_type\nJ-{new_number()},{new_number()},foundation\n", apply="true"
    ),
    ("PATCH", "/jobs/{external_id:external}"): lambda console, _: Request(
        {"external_id": add_job(console)}, {"json": {"cancelled": True}}
    ),
    ("POST", "/dead-letters/replay"): lambda console, _: Request(
        {}, {"json": {"letter_ids": [rows.add_letter(console.context)]}}
    ),
    ("POST", "/dead-letters/{letter_id:id}/replay"): lambda console, _: Request(
        {"letter_id": rows.add_letter(console.context)}, {"json": {}}
    ),
    ("POST", "/dead-letters/{letter_id:id}/discard"): lambda console, _: Request(
        {"letter_id": rows.add_letter(console.context)}, {"json": {"note": "of no use"}}
    ),
    ("POST", "/webhooks/replay"): lambda console, _: Request({}, {"json": {"webhook_ids": [add_quarantined(console)]}}),
    ("POST", "/webhooks/{webhook_id:id}/replay"): lambda console, _: Request(
        {"webhook_id": add_quarantined(console)}, {"json": {}}
    ),
    ("POST", "/webhooks/{webhook_id:id}/discard"): lambda console, _: Request(
        {"webhook_id": add_quarantined(console)}, {"json": {"note": "of no use"}}
    ),
    ("POST", "/schedule/{job}/run-now"): lambda _console, _: Request({"job": "audit_gaps"}, {}),
    ("POST", "/schedule/{job}/pause"): pause_job,
    ("POST", "/schedule/{job}/resume"): resume_job,
    ("POST", "/sending/stop"): body(lambda: {"reason": "wrong list"}),
    ("POST", "/sending/resume"): lambda _console, _: Request({}, {}),
    ("POST", "/sending/recover"): restored(),
    ("POST", "/sending/adopt"): restored(json={"reason": "restored last night's dump"}),
    ("POST", "/clock"): move_clock,
    ("POST", "/provider/register-webhook"): register,
    ("POST", "/provider/rotate"): rotate,
    ("POST", "/provider/checklist/{item}"): lambda _console, _: Request(
        {"item": "daily_cap"}, {"json": {"state": "settled", "note": "1,500 a day"}}
    ),
    ("POST", "/tokens"): new_token,
    ("POST", "/tokens/{name}/revoke"): revoke,
    ("POST", "/users"): body(lambda: {"name": f"user {new_number()}", "role": "viewer"}),
    ("POST", "/users/agree"): lambda _console, _: Request({}, {}),
    ("POST", "/users/{name}/link"): on_user(),
    ("POST", "/users/{name}/change-role"): on_user(json={"role": "operator"}),
    ("POST", "/users/{name}/disable"): on_user(),
    ("POST", "/users/{name}/enable"): on_user("disable"),
    ("POST", "/users/{name}/end-sessions"): on_user(json={}),
}
