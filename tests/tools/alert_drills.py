"""The drills: for each alert what is done to a running stack until it rings, and what mends that until it is silent."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx
import redis

from services.provider_simulator.signing import standard_headers
from tests.tools.drill_stack import WatchedStack, new_numbers
from tests.tools.waiting import wait_until

CANARIES = "send_canaries"
Play = Callable[[WatchedStack], Iterator[None]]


@dataclass(frozen=True, slots=True)
class Drill:
    """`alerts` are those that must ring, each with labels that it must have; `play` hurts, yields, and mends."""

    alerts: Mapping[str, Mapping[str, str]]
    done: str
    mended: str
    play: Play


def workers_hang(stack: WatchedStack) -> Iterator[None]:
    stack.step_to_business_hours()
    stack.hang("campaign_worker", "webhook_worker")
    [number] = new_numbers(1)
    stack.start_campaign([number])
    stack.simulator("POST", "/inbound", {"from": number, "content": "Who is this?"})
    stack.wait_for('attackacrack_waiting{what="inbox"}', 1)
    stack.wait_for('attackacrack_waiting{what="due"}', 1)
    stack.step("PT3M")
    yield
    stack.go_on("campaign_worker", "webhook_worker")


def nonsense_in_a_queue(stack: WatchedStack) -> Iterator[None]:
    with redis.Redis.from_url(stack.run_file["urls"]["redis"]) as broker:
        broker.lpush("default", "no task of anybody's")
    yield
    for letter in stack.act("dead-letters", "list")["items"]:
        stack.act("dead-letters", "discard", str(letter["letter_id"]), "--note", "nobody's")


def webhook(stack: WatchedStack, version: str, **resource: object) -> None:
    """What the provider would sign: a person's text in an event of this API version."""
    [number] = new_numbers(1)
    at = datetime.fromisoformat(stack.act("clock", "show")["product_now"])
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = {"id": f"AC{number}", "direction": "incoming", "text": "Hello?"} | resource
    facts = {"resource": said, "context": {"senderIdentifier": number, "recipientIdentifiers": []}}
    event = {"id": f"EV{number}", "type": "message.received", "apiVersion": version, "createdAt": stamp, "data": facts}
    raw = json.dumps(event).encode()
    headers = standard_headers(f"drill{number[1:]}", at, raw, [stack.run_file["webhook_secrets"]["standard"]])
    url = f"{stack.run_file['urls']['ingress']}/webhooks/openphone"
    answer = httpx.post(url, content=raw, headers={**headers, "content-type": "application/json"}, timeout=30)
    answer.raise_for_status()


def webhook_unreadable(stack: WatchedStack) -> Iterator[None]:
    webhook(stack, "2026-03-30", text={"no": "text"})
    yield
    for aside in stack.act("webhooks", "list", "--status", "quarantined")["items"]:
        stack.act("webhooks", "discard", str(aside["webhook_id"]), "--note", "a drill's")


def next_version(stack: WatchedStack) -> Iterator[None]:
    webhook(stack, "2031-01-01")
    stack.wait_for('sum(attackacrack_webhooks_versions_total{version="unknown"})', 1)
    webhook(stack, "2031-01-01")
    yield


def text_in_doubt(stack: WatchedStack, *, made: bool) -> None:
    """A text whose sending the provider answers with 500, and whose list nobody can read."""
    stack.simulator("POST", "/faults", {"kind": "server_error", "times": 1, "created": float(made)})
    stack.simulator("POST", "/faults", {"kind": "server_error", "operation": "list"})
    [number] = new_numbers(1)
    stack.simulator("PUT", f"/contacts/{number}", {"delivery": "never"})  # a receipt would settle it
    stack.step_to_business_hours()
    stack.start_campaign([number])
    stack.wait_for('attackacrack_waiting{what="uncertain"}', 1)


def outcome_unknown(stack: WatchedStack) -> Iterator[None]:
    text_in_doubt(stack, made=True)
    stack.step("PT20M")
    yield
    stack.simulator("DELETE", "/faults")
    stack.step("PT45M")  # to the next look


def text_held(stack: WatchedStack) -> Iterator[None]:
    text_in_doubt(stack, made=False)
    stack.step("PT7H")
    stack.wait_for('attackacrack_waiting{what="held"}', 1)
    stack.step("PT4H5M")
    yield
    stack.simulator("DELETE", "/faults")
    for held in stack.act("held", "list")["items"]:
        stack.act("held", "cancel", str(held["message_id"]), "--by", "maria", "--reason", "it never left")


def beat_hangs(stack: WatchedStack) -> Iterator[None]:
    stack.hang("beat")
    yield
    stack.go_on("beat")


def schedule_locked(stack: WatchedStack) -> Iterator[None]:
    with stack.database() as held:
        held.execute("BEGIN")
        held.execute("SELECT * FROM schedule_controls FOR UPDATE")
        stack.step("PT7M")
        yield
        held.execute("ROLLBACK")


def people_take_it_ill(stack: WatchedStack) -> Iterator[None]:
    numbers = new_numbers(44)
    for number in numbers[:18]:
        stack.simulator("PUT", f"/contacts/{number}", {"replies": [{"reply": "STOP", "after": 0}]})
    for number in numbers[18:]:
        stack.simulator("PUT", f"/contacts/{number}", {"delivery": "undelivered", "error_code": "30006"})
    stack.step_to_business_hours()
    name = stack.start_campaign(numbers, at_once=40)
    yield
    stack.act("campaigns", "pause", name)


def account_without_credit(stack: WatchedStack) -> Iterator[None]:
    stack.simulator("POST", "/faults", {"kind": "refusal", "refusal": "not_enough_credits"})
    stack.text_somebody()
    yield
    stack.simulator("DELETE", "/faults")
    stack.act("sending", "resume")


def database_put_back(stack: WatchedStack) -> Iterator[None]:
    stack.text_somebody()
    with redis.Redis.from_url(stack.run_file["urls"]["redis"], decode_responses=True) as memory:
        wait_until(lambda: bool(memory.keys("witness:*")))
        [witness] = memory.keys("witness:*")
        memory.hset(witness, "epoch", 1_000_000)
    yield
    stack.act("sending", "adopt", "--reason", "a drill")


def broker_hangs(stack: WatchedStack) -> Iterator[None]:
    stack.hang("valkey")
    yield
    stack.go_on("valkey")


def database_read_only(stack: WatchedStack) -> Iterator[None]:
    with stack.database() as server:
        server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        server.execute("SELECT pg_reload_conf()")
        stack.simulator("POST", "/inbound", {"from": "+12125550999", "content": "Hello?"})
        yield
        server.execute("SET default_transaction_read_only = off")
        server.execute("ALTER SYSTEM RESET default_transaction_read_only")
        server.execute("SELECT pg_reload_conf()")
    stack.simulator("POST", "/deliveries/hurry")


def canary(stack: WatchedStack) -> None:
    """Send one round, and let the two minutes pass that it has to return."""
    run_id = stack.act("schedule", "run-now", CANARIES)["run_id"]

    def is_over() -> bool:
        runs = stack.act("schedule", "history", CANARIES, "--limit", "20")["items"]
        return any(run["run_id"] == run_id and run["status"] == "succeeded" for run in runs)

    wait_until(is_over, within=120)
    stack.step("PT3M")


def ingress_hangs(stack: WatchedStack) -> Iterator[None]:
    stack.hang("webhook_ingress")
    canary(stack)
    yield
    stack.go_on("webhook_ingress")
    canary(stack)


def sending_stopped(stack: WatchedStack) -> Iterator[None]:
    stack.act("sending", "stop", "--reason", "drill")
    stack.step("PT2H5M")
    yield
    stack.act("sending", "resume")


def certificate_ends(stack: WatchedStack) -> Iterator[None]:
    stack.public.renew(days=13)
    canary(stack)
    stack.wait_until_rings("CertificateEnds")
    stack.public.renew(days=-1)
    canary(stack)
    stack.wait_for("attackacrack_certificate_left_seconds < bool 0", 1)
    yield
    stack.public.renew(days=90)
    canary(stack)


def key_grows_old(stack: WatchedStack) -> Iterator[None]:
    made = stack.act("provider", "register-webhook", stack.public.url)
    stack.step("P366D")
    yield
    stack.act("provider", "rotate", made["webhook_id"])


DRILLS = (
    Drill(
        {"SendingStandsStill": {}, "QueueBehind": {"queue": "webhooks"}},
        "campaign and webhook workers hang; somebody is to be texted, somebody writes; three minutes pass",
        "they go on",
        workers_hang,
    ),
    Drill({"DeadLettersRising": {}}, "nonsense is put into a queue", "the letter is discarded", nonsense_in_a_queue),
    Drill(
        {"WebhooksQuarantined": {}},
        "the provider signs an event whose text is no text",
        "a person discards it",
        webhook_unreadable,
    ),
    Drill({"ApiVersionUnknown": {}}, "the provider sends events of its next version", "the hour passes", next_version),
    Drill(
        {"UnknownOutcomesAge": {}},
        "the provider takes a text, answers 500 and shows no list for twenty minutes",
        "its list can be read again",
        outcome_unknown,
    ),
    Drill(
        {"HeldMessagesAge": {}},
        "the same until looking is over, and nobody decides for four hours",
        "a person cancels it",
        text_held,
    ),
    Drill({"ClockSilent": {}}, "beat hangs", "it goes on", beat_hangs),
    Drill(
        {"ScheduledRunsMissed": {}},
        "a forgotten session keeps the schedule's rows locked while a run falls due",
        "the session ends",
        schedule_locked,
    ),
    Drill(
        {"OptOutsUnusual": {}, "FailuresUnusual": {}},
        "two in five people write STOP, the others can't be reached",
        "the campaign is paused, and the hour passes",
        people_take_it_ill,
    ),
    Drill(
        {"ProviderRefusesAccount": {}},
        "the provider refuses a text for want of credit",
        "credit is back, and sending is resumed",
        account_without_credit,
    ),
    Drill(
        {"DatabaseRewound": {}},
        "the witness has heard of texts that the database does not know",
        "a person adopts it",
        database_put_back,
    ),
    Drill({"BrokerUnreachable": {}}, "the broker hangs", "it goes on", broker_hangs),
    Drill(
        {"WebhooksNotStored": {}},
        "the database takes no writes, as after a failover, and somebody writes",
        "it takes them, and the provider delivers again",
        database_read_only,
    ),
    Drill(
        {"PartUnwell": {"part": "webhook loop"}},
        "the ingress hangs while a canary is sent through the public address",
        "it goes on, and the next canary comes back",
        ingress_hangs,
    ),
    Drill({"SendingLeftStopped": {}}, "sending is stopped for two hours", "it is resumed", sending_stopped),
    Drill(
        {"CertificateEnds": {}},
        "the public address shows a certificate that ends in thirteen days, then one that has ended",
        "it shows a new one",
        certificate_ends,
    ),
    Drill({"WebhookKeyOld": {}}, "a webhook is registered, and a year passes", "its key is rotated", key_grows_old),
)
