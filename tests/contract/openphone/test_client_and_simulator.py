"""The client against the simulator's real process: every number with a behaviour of its own, and every call."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.core.domain.messages import Direction, Receipt
from services.core.domain.reconciliation import ListedMessage
from services.core.openphone.client import OpenPhoneClient
from services.core.openphone.errors import (
    AccountRefused,
    ListingUnreliable,
    NotFound,
    ProviderFailed,
    ProviderThrottled,
)
from services.core.openphone.outcomes import (
    Accepted,
    NotStarted,
    RefusalReason,
    RefusalScope,
    Refused,
    SendOutcome,
    Unknown,
)
from tests.tools.simulator import RunningSimulator, running_simulator
from tests.tools.waiting import wait_until

PERSON = "+12025550143"
DEADLINE = timedelta(seconds=1)

REFUSED = {
    "+15005550001": (RefusalScope.RECIPIENT, RefusalReason.INVALID_RECIPIENT, 400, "0202400"),
    "+15005550002": (RefusalScope.RECIPIENT, RefusalReason.OPTED_OUT, 400, "0201400"),
    "+15005550003": (RefusalScope.ACCOUNT, RefusalReason.REGISTRATION_MISSING, 400, "0206400"),
    "+15005550004": (RefusalScope.ACCOUNT, RefusalReason.NO_CREDIT, 402, "0200402"),
    "+15005550005": (RefusalScope.RECIPIENT, RefusalReason.INTERNATIONAL_NOT_ALLOWED, 403, "0203403"),
    "+15005550006": (RefusalScope.ACCOUNT, RefusalReason.DAILY_CAP_REACHED, 403, "0204403"),
}
ACCEPTED = ["+15005550007", "+15005550008", "+15005550009", "+15005550014", "+15005550016", "+15005550017", PERSON]
UNKNOWN = {
    "+15005550010": ("http_500", 0),
    "+15005550011": ("http_500", 1),
    "+15005550012": ("connection_lost", 1),
    "+15005550013": ("timeout", 1),
}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    with running_simulator(tmp_path_factory.mktemp("simulator")) as running:
        yield running


@pytest.fixture
def simulator(process: RunningSimulator) -> RunningSimulator:
    process.clear_faults()
    process.reset(keep_webhooks=False)
    return process


@pytest.fixture
def client(simulator: RunningSimulator) -> Iterator[OpenPhoneClient]:
    with OpenPhoneClient(base_url=simulator.url, api_key=simulator.api_key, deadline=DEADLINE) as made:
        yield made


def send(client: OpenPhoneClient, recipient: str = PERSON, *, guard: Callable[[], bool] = lambda: True) -> SendOutcome:
    return client.send_text(sender="+12025550100", recipient=recipient, content="Hello", start_guard=guard)


def accepted_id(outcome: SendOutcome) -> str:
    assert isinstance(outcome, Accepted)
    return outcome.provider_message_id


LATER = datetime(2100, 1, 1, tzinfo=UTC)


def since() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=2)


def sent_by(simulator: RunningSimulator) -> dict[str, Any]:
    """All of the number's texts of this test, as `find_sent` asks."""
    return {"phone_number_id": simulator.phone_number_id, "created_after": since(), "created_before": LATER}


def settled(client: OpenPhoneClient, message_id: str, receipt: Receipt) -> ListedMessage:
    """The message once the provider says this of it."""
    wait_until(lambda: client.get_message(message_id).receipt is receipt, what=receipt.value)
    return client.get_message(message_id)


class TestNumbersWithABehaviour:
    @pytest.mark.parametrize(("recipient", "refusal"), REFUSED.items())
    def test_refused_and_nothing_sent(
        self,
        simulator: RunningSimulator,
        client: OpenPhoneClient,
        recipient: str,
        refusal: tuple[RefusalScope, RefusalReason, int, str],
    ) -> None:
        outcome = send(client, recipient)
        assert isinstance(outcome, Refused)
        assert (outcome.scope, outcome.reason, outcome.http_status, outcome.code) == refusal
        assert outcome.trace
        assert simulator.messages(recipient) == []

    @pytest.mark.parametrize("recipient", ACCEPTED)
    def test_accepted_under_the_provider_s_id(
        self, simulator: RunningSimulator, client: OpenPhoneClient, recipient: str
    ) -> None:
        outcome = send(client, recipient)
        assert [message["id"] for message in simulator.messages(recipient)] == [accepted_id(outcome)]

    @pytest.mark.parametrize(("recipient", "ending"), UNKNOWN.items())
    def test_unknown_and_only_the_list_can_tell(
        self, simulator: RunningSimulator, client: OpenPhoneClient, recipient: str, ending: tuple[str, int]
    ) -> None:
        reason, created = ending
        assert send(client, recipient) == Unknown(reason)
        query = sent_by(simulator)
        listed = client.find_sent(recipient=recipient, **query)
        assert len(listed) == created

    def test_throttled_three_times_then_accepted(self, simulator: RunningSimulator, client: OpenPhoneClient) -> None:
        for _ in range(3):
            outcome = send(client, "+15005550015")
            assert isinstance(outcome, Refused)
            assert outcome.scope is RefusalScope.THROTTLED
        assert isinstance(send(client, "+15005550015"), Accepted)
        assert len(simulator.messages("+15005550015")) == 1

    def test_listed_late(self, simulator: RunningSimulator, client: OpenPhoneClient) -> None:
        message_id = accepted_id(send(client, "+15005550018"))
        query = sent_by(simulator)
        assert client.find_sent(recipient="+15005550018", **query) == ()
        simulator.move_clock(30)
        assert [message.message_id for message in client.find_sent(recipient="+15005550018", **query)] == [message_id]

    @pytest.mark.parametrize(
        ("recipient", "receipt"),
        [
            (PERSON, Receipt.DELIVERED),
            ("+15005550007", Receipt.UNDELIVERED),
            ("+15005550008", Receipt.FAILED),
            ("+15005550009", Receipt.FAILED),
        ],
    )
    def test_what_becomes_of_it(self, client: OpenPhoneClient, recipient: str, receipt: Receipt) -> None:
        message = settled(client, accepted_id(send(client, recipient)), receipt)
        assert (message.direction, message.recipients, message.text) == (Direction.OUTGOING, (recipient,), "Hello")


class TestFaults:
    def test_the_guard_keeps_the_request_from_the_provider(
        self, simulator: RunningSimulator, client: OpenPhoneClient
    ) -> None:
        before = len(simulator.lines("request"))
        assert send(client, guard=lambda: False) == NotStarted("guard")
        assert len(simulator.lines("request")) == before
        assert simulator.messages() == []

    @pytest.mark.parametrize(
        ("fault", "outcome"),
        [
            ({"kind": "no_answer", "created": 1}, Unknown("timeout")),
            ({"kind": "reset", "created": 1}, Unknown("connection_lost")),
            ({"kind": "reset", "created": 1, "after_bytes": 20}, Unknown("connection_lost")),
            ({"kind": "drip", "created": 1, "seconds": 0.05}, Unknown("timeout")),
            ({"kind": "truncated_body", "created": 1}, Unknown("connection_lost")),
            ({"kind": "empty_body", "created": 1}, Unknown("unreadable_answer")),
            ({"kind": "html_body", "created": 1}, Unknown("unreadable_answer")),
            ({"kind": "huge_body", "created": 1}, Unknown("answer_too_large")),
            ({"kind": "redirect", "status": 307}, Unknown("http_307")),
            ({"kind": "redirect", "status": 308}, Unknown("http_308")),
            ({"kind": "server_error", "status": 503, "created": 1}, Unknown("http_503")),
        ],
    )
    def test_spoilt_answers(
        self, simulator: RunningSimulator, client: OpenPhoneClient, fault: dict[str, Any], outcome: Unknown
    ) -> None:
        simulator.add_fault(times=1, **fault)
        assert send(client) == outcome
        assert len(simulator.messages(PERSON)) == fault.get("created", 0)

    @pytest.mark.parametrize(("asked", "expected"), [(None, None), ("7", 7), ("-1", None), ("999999", 300)])
    def test_a_storm_of_refusals_for_the_rate(
        self, simulator: RunningSimulator, client: OpenPhoneClient, asked: str | None, expected: int | None
    ) -> None:
        simulator.add_fault("rate_storm", times=1, retry_after=asked)
        outcome = send(client)
        assert isinstance(outcome, Refused)
        assert outcome.scope is RefusalScope.THROTTLED
        if expected is not None:
            assert outcome.retry_after == timedelta(seconds=expected)
        else:
            assert outcome.retry_after is None or outcome.retry_after <= timedelta(seconds=1)

    def test_a_list_that_repeats_its_cursor_is_not_believed(
        self, simulator: RunningSimulator, client: OpenPhoneClient
    ) -> None:
        for _ in range(51):
            simulator.send(PERSON)
        simulator.add_fault("list_repeated_cursor", operation="list")
        with pytest.raises(ListingUnreliable):
            client.list_messages(since())

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ({"kind": "html_body"}, ProviderFailed),
            ({"kind": "server_error"}, ProviderFailed),
            ({"kind": "redirect", "status": 307}, ProviderFailed),
            ({"kind": "rate_storm"}, ProviderThrottled),
        ],
    )
    def test_a_list_that_cannot_be_read(
        self,
        simulator: RunningSimulator,
        client: OpenPhoneClient,
        fault: dict[str, Any],
        error: type[ProviderFailed | ProviderThrottled],
    ) -> None:
        simulator.add_fault(operation="list", **fault)
        with pytest.raises(error):
            client.list_messages(since())


class TestReads:
    def test_all_pages_of_both_directions(self, simulator: RunningSimulator, client: OpenPhoneClient) -> None:
        sent = {str(simulator.send(f"+1202555{number:04}").json()["data"]["id"]) for number in range(120)}
        received = str(simulator.inject_inbound(PERSON, "Café ☕")["id"])
        listed = client.list_messages(since())
        assert {message.message_id for message in listed} == sent | {received}
        assert len(listed) == len(sent) + 1
        assert listed[0].text == "Café ☕"
        assert [message.created_at for message in listed] == sorted((m.created_at for m in listed), reverse=True)

    def test_one_recipient_s_texts_only(self, simulator: RunningSimulator, client: OpenPhoneClient) -> None:
        wanted = accepted_id(send(client))
        simulator.send("+12025550144")
        simulator.inject_inbound(PERSON, "Hi")
        query = sent_by(simulator)
        assert [message.message_id for message in client.find_sent(recipient=PERSON, **query)] == [wanted]
        assert len(client.find_sent(recipient=None, **query)) == 2

    def test_no_such_message(self, client: OpenPhoneClient) -> None:
        with pytest.raises(NotFound):
            client.get_message("ACnosuchmessage")

    def test_the_account(self, simulator: RunningSimulator, client: OpenPhoneClient) -> None:
        account = client.check_account()
        assert account.is_active
        assert [(number.id, number.number) for number in account.numbers] == [
            (simulator.phone_number_id, simulator.phone_number)
        ]
        assert account.numbers[0].may_text_us is True

    def test_a_wrong_key_stops_the_line(self, simulator: RunningSimulator) -> None:
        with OpenPhoneClient(base_url=simulator.url, api_key="wrong") as stranger:
            with pytest.raises(AccountRefused):
                stranger.check_account()
            outcome = send(stranger)
        assert isinstance(outcome, Refused)
        assert (outcome.scope, outcome.reason) == (RefusalScope.ACCOUNT, RefusalReason.UNAUTHORIZED)

    def test_a_wrong_base_address_stops_the_line(self, simulator: RunningSimulator) -> None:
        with OpenPhoneClient(base_url=f"{simulator.url}/elsewhere", api_key=simulator.api_key) as lost:
            outcome = send(lost)
        assert isinstance(outcome, Refused)
        assert (outcome.scope, outcome.reason) == (RefusalScope.ACCOUNT, RefusalReason.ROUTE_MISSING)


class TestWebhooks:
    NOWHERE = "http://127.0.0.1:9/webhooks"

    def test_the_key_is_told_once(self, client: OpenPhoneClient) -> None:
        made = client.register_webhook(self.NOWHERE, ["message.received", "message.failed"], label="ours")
        assert (made.url, set(made.events), made.is_enabled) == (
            self.NOWHERE,
            {"message.received", "message.failed"},
            True,
        )
        assert made.key is not None
        assert made.key.startswith("whsec_")
        assert made.key not in repr(made)
        listed = client.list_webhooks()
        assert [(webhook.id, webhook.key) for webhook in listed] == [(made.id, None)]
        assert client.get_webhook(made.id).url == self.NOWHERE

    def test_rotation_gives_another_key(self, client: OpenPhoneClient) -> None:
        made = client.register_webhook(self.NOWHERE, ["message.received"])
        rotated = client.rotate_webhook(made.id)
        assert rotated.startswith("whsec_")
        assert rotated != made.key

    def test_the_delivery_log_and_another_try(self, simulator: RunningSimulator, client: OpenPhoneClient) -> None:
        made = client.register_webhook(self.NOWHERE, ["message.received"])
        client.test_event(made.id, "message.received")
        simulator.inject_inbound(PERSON, "Hi")
        wait_until(lambda: len(client.deliveries(made.id, created_after=since())) == 2)
        found = client.deliveries(made.id, created_after=since())
        assert {delivery.event_type for delivery in found} == {"message.received"}
        client.retry_delivery(made.id, found[0].id)
        assert client.deliveries(made.id, created_after=since(), status="success") == ()

    def test_no_such_webhook(self, client: OpenPhoneClient) -> None:
        with pytest.raises(NotFound):
            client.deliveries("999", created_after=since())
