"""Faults on demand: what the caller sees, and whether the text was made all the same."""

from itertools import pairwise

import httpx
import pytest

from tests.tools.simulator import RunningSimulator
from tests.tools.waiting import wait_until

PERSON = "+12025550143"


def outcome(simulator: RunningSimulator, timeout: float = 1) -> str:
    """What a careful caller makes of one send: the status and what the body was, or the way the call failed."""
    try:
        reply = simulator.send(PERSON, timeout=timeout)
    except httpx.TimeoutException:
        return "timeout"
    except httpx.TransportError:
        return "broken"
    try:
        reply.json()
    except ValueError:
        return f"{reply.status_code} unreadable"
    return str(reply.status_code)


@pytest.mark.parametrize(
    ("kind", "rule", "seen"),
    [
        ("server_error", {}, "500"),
        ("server_error", {"status": 503}, "503"),
        ("no_answer", {}, "timeout"),
        ("reset", {}, "broken"),
        ("reset", {"after_bytes": 40}, "broken"),
        ("truncated_body", {}, "broken"),
        ("truncated_body", {"after_bytes": 5}, "broken"),
        ("empty_body", {}, "202 unreadable"),
        ("html_body", {}, "202 unreadable"),
        ("huge_body", {"size": 2_000_000}, "202 unreadable"),
        ("drip", {"seconds": 0.001}, "202"),
        ("redirect", {"status": 308}, "308 unreadable"),
        ("rate_storm", {"retry_after": "-5"}, "429"),
        ("refusal", {"refusal": "unauthorized"}, "401"),
        ("refusal", {"refusal": "subscription_expired"}, "402"),
        ("refusal", {"refusal": "a2p_not_approved"}, "400"),
    ],
)
@pytest.mark.parametrize("created", [0, 1])
def test_a_fault_spoils_the_reply_and_the_text_is_made_only_if_told(
    simulator: RunningSimulator, kind: str, rule: dict[str, object], seen: str, created: int
) -> None:
    simulator.add_fault(kind, times=1, created=created, **rule)
    assert outcome(simulator) == seen
    assert len(simulator.messages(PERSON)) == created
    assert outcome(simulator) == "202"


def test_every_request_to_send_is_in_the_ledger_whatever_became_of_it(simulator: RunningSimulator) -> None:
    before = len(simulator.lines("request"))
    simulator.add_fault("reset", times=1)
    simulator.add_fault("refusal", times=1, refusal="daily_cap")
    for _ in range(3):
        outcome(simulator)
    assert len(simulator.lines("request")) == before + 3


def test_a_redirect_names_another_place(simulator: RunningSimulator) -> None:
    simulator.add_fault("redirect", status=307, location="http://127.0.0.1:9/other")
    assert simulator.send(PERSON).headers["location"] == "http://127.0.0.1:9/other"


@pytest.mark.parametrize("retry_after", [None, "99999999", "-1", "Fri, 27 Nov 2026 00:00:00 GMT"])
def test_a_rate_storm_says_when_to_come_back_as_told(simulator: RunningSimulator, retry_after: str | None) -> None:
    simulator.add_fault("rate_storm", retry_after=retry_after)
    assert simulator.send(PERSON).headers.get("retry-after") == retry_after


def test_latency_is_before_or_after_the_text_is_made(simulator: RunningSimulator) -> None:
    simulator.add_fault("latency", seconds=0.4, created=1, times=1)
    assert outcome(simulator, timeout=0.2) == "timeout"
    assert len(simulator.messages(PERSON)) == 1
    simulator.add_fault("latency", seconds=2, jitter=0.1, times=1)
    assert outcome(simulator, timeout=0.2) == "timeout"
    assert len(simulator.messages(PERSON)) == 1
    assert outcome(simulator) == "202"


def test_a_request_that_waits_makes_nothing_after_a_reset(simulator: RunningSimulator) -> None:
    simulator.add_fault("latency", seconds=0.5, times=1)
    assert outcome(simulator, timeout=0.1) == "timeout"
    simulator.reset()
    wait_until(lambda: simulator.state()["requests"] == {"send": 1, "503": 1})
    assert simulator.messages() == []


def test_a_duplicate_id_is_that_of_another_text(simulator: RunningSimulator) -> None:
    first = simulator.send("+12025550178").json()["data"]["id"]
    simulator.add_fault("duplicate_id", times=1)
    assert simulator.send(PERSON).json()["data"]["id"] == first
    (made,) = simulator.messages(PERSON)
    assert made["id"] != first


def test_a_chance_is_drawn_from_its_seed(simulator: RunningSimulator) -> None:
    def run() -> list[str]:
        simulator.clear_faults()
        simulator.add_fault("server_error", probability=0.5, created=0.5, seed=11)
        return [outcome(simulator) for _ in range(20)]

    seen = run()
    assert run() == seen
    assert set(seen) == {"202", "500"}


def test_a_fault_can_be_limited_to_a_recipient_or_an_operation_and_be_removed(simulator: RunningSimulator) -> None:
    rule = simulator.add_fault("server_error", to="+12025550178")
    simulator.add_fault("server_error", operation="list", status=502)
    assert outcome(simulator) == "202"
    assert simulator.send("+12025550178").status_code == 500
    assert simulator.call("GET", "/messages").status_code == 502
    simulator.control("DELETE", f"/faults/{rule}")
    assert simulator.send("+12025550178").status_code == 202
    assert [fault["operation"] for fault in simulator.control("GET", "/faults").json()] == ["list"]


class TestLists:
    def ids(self, simulator: RunningSimulator, **params: str | int) -> tuple[list[str], str | None]:
        page = simulator.call("GET", "/messages", params={"to": PERSON, **params}).json()
        return [message["id"] for message in page["data"]], page["nextCursor"]

    def test_it_can_lag(self, simulator: RunningSimulator) -> None:
        outcome(simulator)
        rule = simulator.add_fault("list_lag", operation="list", seconds=600)
        assert self.ids(simulator) == ([], None)
        simulator.control("DELETE", f"/faults/{rule}")
        assert len(self.ids(simulator)[0]) == 1

    def test_it_can_omit_a_share_of_the_texts(self, simulator: RunningSimulator) -> None:
        for _ in range(10):
            outcome(simulator)
        simulator.add_fault("list_omission", operation="list", share=0.5)
        kept = self.ids(simulator)[0]
        assert 0 < len(kept) < 10
        assert self.ids(simulator)[0] == kept

    def test_it_can_repeat_a_cursor(self, simulator: RunningSimulator) -> None:
        for _ in range(5):
            outcome(simulator)
        simulator.add_fault("list_repeated_cursor", operation="list")
        _, cursor = self.ids(simulator, limit=2)
        assert cursor is not None
        assert self.ids(simulator, limit=2, after=cursor)[1] == cursor


def test_the_state_counts_what_happened(simulator: RunningSimulator) -> None:
    for _ in range(3):
        outcome(simulator)
    simulator.inject_inbound(PERSON, "STOP")
    state = simulator.state()
    assert (state["texts"], state["inbound"], state["opted_out"]) == (3, 1, 1)
    assert sum(second["send"] for second in simulator.requests_per_second()) == 3
    seconds = [second["second"] for second in simulator.requests_per_second()]
    assert all(earlier < later for earlier, later in pairwise(seconds))


def test_the_switches_are_described(simulator: RunningSimulator) -> None:
    paths = simulator.control("GET", "/openapi.json").json()["paths"]
    assert {"/_simulator/faults", "/_simulator/clock", "/_simulator/contacts/{number}", "/v1/messages"} <= paths.keys()
