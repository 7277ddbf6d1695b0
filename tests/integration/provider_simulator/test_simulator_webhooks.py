"""Webhooks out: registration, both signatures, retries, the delivery log, and how they go wrong on demand."""

import base64
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.tools.simulator import RunningSimulator
from tests.tools.waiting import wait_until
from tests.tools.webhook_receiver import ReceivedWebhook, WebhookReceiver

PERSON = "+12025550143"
EVERY_MESSAGE_EVENT = ["message.received", "message.delivered", "message.failed", "message.undelivered"]


def create(simulator: RunningSimulator, url: str, events: list[str] | None = None) -> dict[str, Any]:
    body = {"url": url, "events": events or EVERY_MESSAGE_EVENT}
    return dict(simulator.call("POST", "/webhooks", body=body).json()["data"])


def log_of(simulator: RunningSimulator, webhook_id: str, **params: str) -> list[dict[str, Any]]:
    return list(simulator.call("GET", f"/webhooks/{webhook_id}/events", params=dict(params)).json()["data"])


def wait_for_status(simulator: RunningSimulator, webhook_id: str, status: str) -> dict[str, Any]:
    delivery_id = wait_until(lambda: log_of(simulator, webhook_id, status=status))[0]["id"]
    return dict(simulator.call("GET", f"/webhooks/{webhook_id}/events/{delivery_id}").json()["data"])


class TestRegistration:
    def test_the_key_is_shown_once(self, simulator: RunningSimulator) -> None:
        created = create(simulator, "https://example.com/hook")
        assert created["key"].startswith("whsec_")
        assert created["apiVersion"] == "2026-03-30"
        shown = simulator.call("GET", f"/webhooks/{created['id']}").json()["data"]
        listed = simulator.call("GET", "/webhooks").json()["data"]
        assert shown == listed[0] == {name: value for name, value in created.items() if name != "key"}

    def test_it_can_be_changed_and_deleted(self, simulator: RunningSimulator) -> None:
        path = f"/webhooks/{create(simulator, 'https://example.com/hook')['id']}"
        changed = simulator.call("PATCH", path, body={"status": "disabled", "events": ["message.failed"]}).json()[
            "data"
        ]
        assert (changed["status"], changed["events"]) == ("disabled", ["message.failed"])
        assert simulator.call("PATCH", path, body={}).status_code == 400
        assert simulator.call("DELETE", path).status_code == 204
        assert simulator.call("GET", path).status_code == 404

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ({"events": ["message.received"]}, "/url"),
            ({"url": "ftp://example.com", "events": ["message.received"]}, "/url"),
            ({"url": "https://example.com", "events": []}, "/events"),
            ({"url": "https://example.com", "events": ["message.sent"]}, "/events/0"),
            ({"url": "https://example.com", "events": ["message.received"], "resourceIds": ["AC1"]}, "/resourceIds/0"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, simulator: RunningSimulator, body: dict[str, object], path: str
    ) -> None:
        reply = simulator.call("POST", "/webhooks", body=body)
        assert (reply.status_code, reply.json()["code"]) == (400, "0300400")
        assert reply.json()["errors"][0]["path"] == path

    def test_there_are_at_most_fifty(self, simulator: RunningSimulator) -> None:
        for _ in range(50):
            create(simulator, "https://example.com/hook")
        body = {"url": "https://example.com/hook", "events": ["message.received"]}
        assert simulator.call("POST", "/webhooks", body=body).status_code == 400

    def test_legacy_ones_live_apart(self, simulator: RunningSimulator) -> None:
        body = {"url": "https://example.com/hook", "events": ["message.received"]}
        created = simulator.call("POST", "/v1/webhooks/messages", body=body)
        webhook = created.json()["data"]
        assert created.status_code == 201
        assert webhook["id"].startswith("WH")
        assert base64.b64decode(webhook["key"], validate=True)
        assert simulator.call("GET", "/v1/webhooks").json()["data"] == [webhook]
        assert simulator.call("GET", f"/v1/webhooks/{webhook['id']}").json()["data"] == webhook
        assert simulator.call("GET", "/webhooks").json()["data"] == []
        failed = {"url": "https://example.com/hook", "events": ["message.failed"]}
        assert simulator.call("POST", "/v1/webhooks/messages", body=failed).status_code == 400
        assert simulator.call("DELETE", f"/v1/webhooks/{webhook['id']}").status_code == 204

    def test_only_what_is_subscribed_is_sent(self, simulator: RunningSimulator, receiver: WebhookReceiver) -> None:
        create(simulator, receiver.url, ["message.received"])
        simulator.send(PERSON)
        simulator.inject_inbound(PERSON, "Hi")
        assert receiver.of_type("message.received")
        assert {webhook.body["type"] for webhook in receiver.received} == {"message.received"}


class TestSignatures:
    def test_an_independent_library_accepts_the_standard_one(
        self, simulator: RunningSimulator, receiver: WebhookReceiver
    ) -> None:
        key = create(simulator, receiver.url)["key"]
        simulator.inject_inbound(PERSON, "Ça va? 🙂")
        (webhook,) = receiver.of_type("message.received")
        _verify(webhook, key)
        with pytest.raises(WebhookVerificationError):
            _verify(ReceivedWebhook(webhook.headers, webhook.raw + b" "), key)
        assert webhook.raw == json.dumps(webhook.body, ensure_ascii=False, separators=(",", ":")).encode()
        assert webhook.delivery_id is not None
        assert webhook.delivery_id.startswith("msg_")
        assert len(webhook.delivery_id) == 31

    def test_the_legacy_one_is_the_documented_computation(
        self, simulator: RunningSimulator, receiver: WebhookReceiver
    ) -> None:
        key = str(simulator.register_webhook(receiver.url, scheme="legacy")["key"])
        message = simulator.send(PERSON).json()["data"]
        (webhook,) = receiver.of_type("message.delivered")
        scheme, version, timestamp, signature = webhook.headers["openphone-signature"].split(";")
        digest = hmac.new(base64.b64decode(key), timestamp.encode() + b"." + webhook.raw, "sha256").digest()
        assert (scheme, version, len(timestamp)) == ("hmac", "1", 13)
        assert signature == base64.b64encode(digest).decode()
        assert "webhook-id" not in webhook.headers
        assert webhook.body["apiVersion"] == "v4"
        assert webhook.body["data"]["object"]["id"] == message["id"]
        assert webhook.body["data"]["object"]["to"] == [PERSON]

    def test_a_rotated_key_and_the_new_one_both_verify(
        self, simulator: RunningSimulator, receiver: WebhookReceiver
    ) -> None:
        created = create(simulator, receiver.url)
        new_key = simulator.call("POST", f"/webhooks/{created['id']}/rotate").json()["data"]["key"]
        simulator.inject_inbound(PERSON, "Hi")
        (webhook,) = receiver.of_type("message.received")
        assert len(webhook.headers["webhook-signature"].split(" ")) == 2
        for key in (created["key"], new_key):
            _verify(webhook, key)

    def test_timestamps_are_in_product_time(self, simulator: RunningSimulator, receiver: WebhookReceiver) -> None:
        create(simulator, receiver.url)
        offset = float(simulator.control("GET", "/clock").json()["offset_seconds"]) + 3600
        simulator.move_clock(offset)
        before = int(time.time())
        simulator.inject_inbound(PERSON, "Hi")
        (webhook,) = receiver.of_type("message.received")
        signed_at, after = int(webhook.headers["webhook-timestamp"]) - offset, time.time()
        assert before <= signed_at <= after


class TestDelivery:
    def test_a_receiver_that_fails_first_gets_it_again_under_the_same_id(
        self, simulator: RunningSimulator, receiver: WebhookReceiver
    ) -> None:
        created = create(simulator, receiver.url)
        receiver.answer_with(500)
        simulator.inject_inbound(PERSON, "Hi")
        first, second = receiver.of_type("message.received", 2)
        assert first.delivery_id == second.delivery_id
        assert first.raw == second.raw
        delivery = wait_for_status(simulator, created["id"], "success")
        assert [attempt["responseStatusCode"] for attempt in delivery["attempts"]] == [200, 500]
        answered = [line for line in simulator.lines("webhook") if line["id"] == first.delivery_id]
        assert [(line["attempt"], line["status"]) for line in answered] == [(2, 200)]
        assert answered[0]["event_id"] == first.body["id"]
        assert answered[0]["resource_id"] == first.body["data"]["resource"]["id"]

    @pytest.mark.parametrize("status", [302, 404, 503])
    def test_nothing_but_2xx_is_a_success(
        self, simulator: RunningSimulator, receiver: WebhookReceiver, status: int
    ) -> None:
        created = create(simulator, receiver.url)
        receiver.answer_with(status)
        simulator.inject_inbound(PERSON, "Hi")
        receiver.of_type("message.received", 2)
        delivery = wait_for_status(simulator, created["id"], "success")
        assert delivery["attempts"][1]["responseStatusCode"] == status

    def test_an_unreachable_receiver_is_logged_with_0_and_retried_by_hand(self, simulator: RunningSimulator) -> None:
        created = create(simulator, "http://127.0.0.1:9/nobody")
        simulator.inject_inbound(PERSON, "Hi")
        delivery = wait_for_status(simulator, created["id"], "pending")
        path = f"/webhooks/{created['id']}/events/{delivery['id']}/retry"
        assert simulator.call("POST", path).status_code == 202

        def by_hand() -> bool:
            attempts = wait_for_status(simulator, created["id"], "pending")["attempts"]
            return "manual" in [attempt["triggerType"] for attempt in attempts]

        wait_until(by_hand)
        delivery = wait_for_status(simulator, created["id"], "pending")
        assert {attempt["responseStatusCode"] for attempt in delivery["attempts"]} == {0}
        assert delivery["nextAttemptAt"] is not None

    @pytest.mark.parametrize("event_type", ["message.received", "message.failed", "call.completed", "task.created"])
    def test_test_events_are_real_deliveries_with_one_event_id(
        self, simulator: RunningSimulator, receiver: WebhookReceiver, event_type: str
    ) -> None:
        created = create(simulator, receiver.url)
        path = f"/webhooks/{created['id']}/events/test"
        sample = simulator.call("POST", path, body={"eventType": event_type}).json()
        simulator.call("POST", path, body={"eventType": event_type})
        first, second = receiver.of_type(event_type, 2)
        assert first.body["id"] == second.body["id"] == sample["id"]
        assert first.delivery_id != second.delivery_id
        _verify(first, created["key"])

    def test_the_log_can_be_filtered_and_paged(self, simulator: RunningSimulator, receiver: WebhookReceiver) -> None:
        created = create(simulator, receiver.url)
        messages = [simulator.inject_inbound(PERSON, f"text {number}") for number in range(3)]
        receiver.of_type("message.received", 3)
        assert len(log_of(simulator, created["id"], eventType="message.received")) == 3
        assert log_of(simulator, created["id"], eventType="message.failed") == []
        (found,) = log_of(simulator, created["id"], resourceId=str(messages[1]["id"]))
        assert found["resourceId"] == messages[1]["id"]
        page = simulator.call("GET", f"/webhooks/{created['id']}/events", params={"limit": 2}).json()
        rest = simulator.call("GET", f"/webhooks/{created['id']}/events", params={"after": page["nextCursor"]}).json()
        assert (len(page["data"]), len(rest["data"]), rest["nextCursor"]) == (2, 1, None)


class TestBehaviour:
    def test_doubles_under_the_same_and_under_other_ids(
        self, simulator: RunningSimulator, receiver: WebhookReceiver
    ) -> None:
        create(simulator, receiver.url)
        simulator.behave_webhooks(duplicates=2, duplicates_with_new_id=1)
        simulator.inject_inbound(PERSON, "Hi")
        ids = [webhook.delivery_id for webhook in receiver.of_type("message.received", 4)]
        assert sorted(ids.count(delivery_id) for delivery_id in set(ids)) == [1, 3]
        assert len({webhook.body["id"] for webhook in receiver.received}) == 1

    def test_dropped_ones_never_come(self, simulator: RunningSimulator, receiver: WebhookReceiver) -> None:
        create(simulator, receiver.url)
        simulator.behave_webhooks(drop=1)
        simulator.inject_inbound(PERSON, "lost")
        simulator.behave_webhooks()
        simulator.inject_inbound(PERSON, "kept")
        (webhook,) = receiver.of_type("message.received")
        assert webhook.body["data"]["resource"]["text"] == "kept"
        assert receiver.received == [webhook]

    def test_shuffled_ones_come_in_another_order(self, simulator: RunningSimulator, receiver: WebhookReceiver) -> None:
        create(simulator, receiver.url)
        simulator.behave_webhooks(shuffle=6, seed=7)
        for number in range(12):
            simulator.inject_inbound(PERSON, str(number))
        texts = [webhook.body["data"]["resource"]["text"] for webhook in receiver.of_type("message.received", 12)]
        assert sorted(texts, key=int) == [str(number) for number in range(12)] != texts

    def test_legacy_recipients_may_be_a_string_and_schemes_be_switched_off(
        self, simulator: RunningSimulator, receiver: WebhookReceiver
    ) -> None:
        create(simulator, receiver.url)
        simulator.register_webhook(receiver.url, scheme="legacy")
        simulator.behave_webhooks(legacy_to="string", schemes=["legacy"])
        simulator.send(PERSON)
        (webhook,) = receiver.of_type("message.delivered")
        assert webhook.body["data"]["object"]["to"] == PERSON
        assert receiver.received == [webhook]

    def test_an_event_about_an_unknown_message_can_be_sent(
        self, simulator: RunningSimulator, receiver: WebhookReceiver
    ) -> None:
        key = create(simulator, receiver.url)["key"]
        body = {"id": "EV1", "type": "message.delivered", "data": {}}
        simulator.control("POST", "/events", {"resource_id": "ACunknown", "body": body})
        (webhook,) = receiver.of_type("message.delivered")
        assert webhook.body == body
        _verify(webhook, key)


def _verify(webhook: ReceivedWebhook, key: str) -> None:
    """The library reads the clock of this process, which has to show product time."""
    sent_at = datetime.fromtimestamp(int(webhook.headers["webhook-timestamp"]), UTC)
    with time_machine.travel(sent_at, tick=False):
        Webhook(key).verify(webhook.raw, webhook.headers)
