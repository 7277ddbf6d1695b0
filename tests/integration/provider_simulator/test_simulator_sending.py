"""Sends: shapes, rules, magic numbers, what is listed, who opted out."""

import httpx
import pytest

from tests.tools.simulator import Parameters, RunningSimulator
from tests.tools.waiting import wait_until
from tests.tools.webhook_receiver import WebhookReceiver

PERSON = "+12025550143"
TERMINAL = {"delivered", "undelivered", "failed"}


def status_of(simulator: RunningSimulator, message_id: str) -> str:
    return str(simulator.call("GET", f"/messages/{message_id}").json()["data"]["status"])


def listed(simulator: RunningSimulator, to: str) -> list[dict[str, object]]:
    reply = simulator.call("GET", "/messages", params={"to": to, "direction": "outgoing", "limit": 50})
    return list(reply.json()["data"])


def test_an_accepted_text_looks_as_documented(simulator: RunningSimulator) -> None:
    reply = simulator.send(PERSON, "Your visit is tomorrow – 3pm.")
    message = reply.json()["data"]
    assert reply.status_code == 202
    assert message["id"].startswith("AC")
    assert message["conversationId"].startswith("CN")
    expected = {
        "to": [PERSON],
        "from": simulator.phone_number,
        "text": "Your visit is tomorrow – 3pm.",
        "phoneNumberId": simulator.phone_number_id,
        "direction": "outgoing",
        "status": "queued",
    }
    assert expected.items() <= message.items()
    wait_until(lambda: status_of(simulator, message["id"]) == "delivered")
    shown = simulator.call("GET", f"/v1/messages/{message['id']}").json()["data"]
    assert shown["status"] == "delivered"


def test_the_same_post_twice_makes_two_texts(simulator: RunningSimulator) -> None:
    first, second = (simulator.send(PERSON, "Once").json()["data"] for _ in range(2))
    assert first["id"] != second["id"]
    assert first["conversationId"] == second["conversationId"]
    assert len(listed(simulator, PERSON)) == 2


def test_several_recipients_are_one_group_text(simulator: RunningSimulator) -> None:
    group = [PERSON, "+12025550178"]
    message = simulator.send(group).json()["data"]
    assert message["to"] == group
    assert simulator.lines("text")[-1]["to"] == group


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"content": ""}, "/content"),
        ({"content": " \n"}, "/content"),
        ({"content": "x" * 1601}, "/content"),
        ({"content": 5}, "/content"),
        ({"content": None}, "/content"),
        ({"to": []}, "/to"),
        ({"to": "+12025550143"}, "/to"),
        ({"to": [PERSON] * 11}, "/to"),
        ({"to": ["+1202555014312345"]}, "/to/0"),
        ({"from": "nobody"}, "/from"),
        ({"userId": "me"}, "/userId"),
        ({"setInboxStatus": "open"}, "/setInboxStatus"),
    ],
)
def test_a_malformed_send_names_what_is_wrong(
    simulator: RunningSimulator, change: dict[str, object], path: str
) -> None:
    body = {"from": simulator.phone_number, "to": [PERSON], "content": "Hello"} | change
    reply = simulator.call("POST", "/v1/messages", body=body)
    assert reply.status_code == 400
    assert (reply.json()["code"], reply.json()["status"]) == ("0200400", 400)
    assert path in [entry["path"] for entry in reply.json()["errors"]]
    assert simulator.messages() == []


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"content": "\\ud800"}', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(simulator: RunningSimulator, raw: bytes) -> None:
    headers = {"Authorization": simulator.api_key}
    reply = httpx.post(simulator.url + "/v1/messages", content=raw, headers=headers, trust_env=False)
    assert reply.status_code == 400


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"from": "+12025550199"}, 404, "0200404"),
        ({"userId": "USother"}, 403, "0202403"),
        ({"to": ["2025550143"]}, 400, "0202400"),
    ],
)
def test_business_rules_come_after_validation(
    simulator: RunningSimulator, change: dict[str, object], status: int, code: str
) -> None:
    body = {"from": simulator.phone_number, "to": [PERSON], "content": "Hello", "unknown": 1} | change
    reply = simulator.call("POST", "/v1/messages", body=body)
    assert (reply.status_code, reply.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("last_digits", "status", "code"),
    [
        ("01", 400, "0202400"),
        ("02", 400, "0201400"),
        ("03", 400, "0206400"),
        ("04", 402, "0200402"),
        ("05", 403, "0203403"),
        ("06", 403, "0204403"),
        ("10", 500, "0201500"),
    ],
)
def test_magic_numbers_that_are_refused_make_no_text(
    simulator: RunningSimulator, last_digits: str, status: int, code: str
) -> None:
    number = f"+150055500{last_digits}"
    reply = simulator.send(number)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert listed(simulator, number) == []
    assert number not in [line["to"] for line in simulator.lines("text")]


@pytest.mark.parametrize(
    ("last_digits", "status", "error_code", "retried"),
    [("07", "undelivered", "30007", 422), ("08", "failed", None, 202), ("09", "failed", "30006", 422)],
)
def test_magic_numbers_that_do_not_arrive(
    simulator: RunningSimulator,
    receiver: WebhookReceiver,
    last_digits: str,
    status: str,
    error_code: str | None,
    retried: int,
) -> None:
    simulator.register_webhook(receiver.url)
    message_id = simulator.send(f"+150055500{last_digits}").json()["data"]["id"]
    (webhook,) = receiver.of_type(f"message.{status}")
    resource = webhook.body["data"]["resource"]
    assert (resource["id"], resource["errorCode"]) == (message_id, error_code)
    assert ("media" in resource) == (status == "undelivered")
    assert simulator.call("POST", f"/messages/{message_id}/retry").status_code == retried
    if retried == 202:
        receiver.of_type("message.delivered")
        assert status_of(simulator, message_id) == "delivered"


def test_a_500_may_hide_an_accepted_text(simulator: RunningSimulator) -> None:
    assert simulator.send("+15005550011").status_code == 500
    wait_until(lambda: [message["status"] for message in listed(simulator, "+15005550011")] == ["delivered"])


def test_a_closed_connection_may_hide_an_accepted_text(simulator: RunningSimulator) -> None:
    with pytest.raises(httpx.TransportError):
        simulator.send("+15005550012")
    assert len(listed(simulator, "+15005550012")) == 1


def test_a_late_reply_comes_after_the_text_was_made(simulator: RunningSimulator) -> None:
    with pytest.raises(httpx.ReadTimeout):
        simulator.send("+15005550013", timeout=0.2)
    assert len(listed(simulator, "+15005550013")) == 1
    assert simulator.send("+15005550013", timeout=5).status_code == 202


def test_one_number_stays_queued(simulator: RunningSimulator, receiver: WebhookReceiver) -> None:
    simulator.register_webhook(receiver.url)
    silent = simulator.send("+15005550014").json()["data"]["id"]
    simulator.send(PERSON)
    receiver.of_type("message.delivered")
    assert status_of(simulator, silent) == "queued"
    assert len(receiver.received) == 1


def test_one_number_is_rate_limited_three_times(simulator: RunningSimulator) -> None:
    assert [simulator.send("+15005550015").status_code for _ in range(4)] == [429, 429, 429, 202]
    assert len(listed(simulator, "+15005550015")) == 1


def test_one_receipt_comes_before_the_reply(simulator: RunningSimulator, receiver: WebhookReceiver) -> None:
    simulator.register_webhook(receiver.url)
    message_id = simulator.send("+15005550016").json()["data"]["id"]
    (webhook,) = receiver.received
    assert webhook.body["data"]["resource"]["id"] == message_id


def test_one_receipt_comes_three_times_under_two_ids(simulator: RunningSimulator, receiver: WebhookReceiver) -> None:
    simulator.register_webhook(receiver.url)
    simulator.send("+15005550017")
    ids = [webhook.delivery_id for webhook in receiver.of_type("message.delivered", 3)]
    assert sorted(ids.count(delivery_id) for delivery_id in set(ids)) == [1, 2]


def test_one_number_is_listed_late_in_product_time(simulator: RunningSimulator) -> None:
    message_id = simulator.send("+15005550018").json()["data"]["id"]
    assert listed(simulator, "+15005550018") == []
    assert status_of(simulator, message_id) in {"queued", "sent"} | TERMINAL
    offset = simulator.control("GET", "/clock").json()["offset_seconds"]
    simulator.move_clock(offset + 21)
    assert [message["id"] for message in listed(simulator, "+15005550018")] == [message_id]


class TestLists:
    def test_v1_finds_a_thread_by_its_exact_people(self, simulator: RunningSimulator) -> None:
        simulator.send(PERSON, "to one")
        simulator.send([PERSON, "+12025550178"], "to two")

        def texts(participants: list[str]) -> list[str]:
            params: Parameters = {
                "phoneNumberId": simulator.phone_number_id,
                "participants": participants,
                "maxResults": 100,
            }
            found = simulator.call("GET", "/v1/messages", params=params).json()
            assert found["nextPageToken"] is None
            return [message["text"] for message in found["data"]]

        assert texts([PERSON]) == ["to one"]
        assert texts(["+12025550178", PERSON]) == ["to two"]

    def test_v1_needs_its_parameters_and_bare_keys(self, simulator: RunningSimulator) -> None:
        assert simulator.call("GET", "/v1/messages").status_code == 400
        params: Parameters = {"phoneNumberId": simulator.phone_number_id, "participants[]": [PERSON], "maxResults": 10}
        assert simulator.call("GET", "/v1/messages", params=params).status_code == 400

    def test_dated_pages_newest_first_until_the_cursor_is_null(self, simulator: RunningSimulator) -> None:
        sent = [simulator.send(PERSON, f"text {number}").json()["data"]["id"] for number in range(5)]
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(3):
            after: Parameters = {"after": cursor} if cursor else {}
            page = simulator.call("GET", "/messages", params={"to": PERSON, "limit": 2, **after}).json()
            seen += [message["id"] for message in page["data"]]
            cursor = page["nextCursor"]
        assert seen == sent[::-1]
        assert cursor is None

    def test_dated_filters_are_anded(self, simulator: RunningSimulator) -> None:
        first = simulator.send(PERSON, "first").json()["data"]
        simulator.send("+12025550178", "other")
        simulator.inject_inbound(PERSON, "reply")

        def count(**params: str) -> int:
            return len(simulator.call("GET", "/messages", params=dict(params)).json()["data"])

        assert count() == 3
        assert count(direction="incoming") == 1
        assert count(to=PERSON, direction="outgoing") == 1
        assert count(**{"to[all]": PERSON}) == 1
        assert count(**{"createdAt[lt]": first["createdAt"]}) == 0
        assert count(phoneNumberId="PNother") == 0

    @pytest.mark.parametrize("params", [{"limit": 51}, {"limit": 0}, {"createdAt[gte]": "2026-01-01T00:00:00Z"}])
    def test_dated_refuses_wrong_limits_and_operators(self, simulator: RunningSimulator, params: Parameters) -> None:
        reply = simulator.call("GET", "/messages", params=params)
        assert reply.status_code == 400
        assert reply.json()["errors"][0]["path"].startswith("/query/")

    def test_a_message_needs_its_prefix_and_must_exist(self, simulator: RunningSimulator) -> None:
        assert simulator.call("GET", "/messages/XX1").status_code == 400
        assert simulator.call("GET", "/messages/AC1").status_code == 404
        assert simulator.call("GET", "/v1/messages/AC1").json()["code"] == "0200404"

    def test_conversations_are_derived_newest_first(self, simulator: RunningSimulator) -> None:
        simulator.send(PERSON)
        simulator.inject_inbound("+12025550178", "Hi")
        conversations = simulator.call("GET", "/v1/conversations", params={"maxResults": 10}).json()["data"]
        assert [found["participants"] for found in conversations] == [["+12025550178"], [PERSON]]
        assert simulator.call("GET", "/v1/conversations").status_code == 400


class TestOptOut:
    @pytest.mark.parametrize("word", ["STOP", "stop", " Quit ", "UNSUBSCRIBE", "END", "CANCEL", "STOPALL"])
    def test_a_single_word_blocks_and_start_lifts_it(self, simulator: RunningSimulator, word: str) -> None:
        simulator.inject_inbound(PERSON, word)
        refused = simulator.send(PERSON)
        assert (refused.status_code, refused.json()["code"]) == (400, "0201400")
        simulator.inject_inbound(PERSON, "START")
        assert simulator.send(PERSON).status_code == 202

    def test_more_than_a_word_does_nothing(self, simulator: RunningSimulator) -> None:
        simulator.inject_inbound(PERSON, "STOP PLEASE")
        assert simulator.send(PERSON).status_code == 202

    def test_people_reply_as_they_were_told(self, simulator: RunningSimulator, receiver: WebhookReceiver) -> None:
        simulator.register_webhook(receiver.url)
        simulator.behave(PERSON, replies=[{"reply": "Who is this?", "after": 0.2}, {"reply": "STOP", "after": 0.4}])
        simulator.send(PERSON)
        inbound = receiver.of_type("message.received", 2)
        assert [webhook.body["data"]["resource"]["text"] for webhook in inbound] == ["Who is this?", "STOP"]
        assert inbound[0].body["data"]["context"]["senderIdentifier"] == PERSON
        assert simulator.send(PERSON).json()["code"] == "0201400"
        assert [line["content"] for line in simulator.lines("inbound")[-2:]] == ["Who is this?", "STOP"]

    def test_a_distribution_falls_alike_on_each_seed(self, simulator: RunningSimulator) -> None:
        behaviours: list[dict[str, object]] = [{"delivery": "delivered"}, {"delivery": "failed"}, {"delivery": "never"}]
        numbers = [f"+1202555{number:04}" for number in range(100, 130)]

        def fates(seed: int) -> list[str]:
            simulator.distribute(behaviours, seed)
            shown = [simulator.control("GET", f"/contacts/{number}").json() for number in numbers]
            return [str(contact["behaviour"]["delivery"]) for contact in shown]

        assert fates(1) == fates(1) != fates(2)
        assert set(fates(1)) == {"delivered", "failed", "never"}
