"""Tokens that open nothing or too little: on record with who and from where, braked, in bounded rows and memory."""

from collections.abc import Iterator

import httpx
import pytest

from services.console import refusals
from services.console.refusals import Failure, Reach, Refusals
from services.core.domain.access import Role
from services.core.domain.failures import TooManyAttempts
from services.core.domain.guesses import FAILED_AT_MOST
from services.core.domain.tally import ANOTHER_EVERY, AT_ONCE, SOURCES_AT_MOST
from services.core.storage.models import AuditEntry
from tests.integration.console.conftest import RunningConsole
from tests.integration.console.test_bad_input import check_problem

MADE_UP = "aac_made-up"
UNKNOWN = Failure("0" * 12, "unknown")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(console: RunningConsole) -> Iterator[Clock]:
    """Moves the time of the console's brake, which is a new one."""
    clock, before = Clock(), console.app.state.refusals
    console.app.state.refusals = Refusals(console.context.database, clock=clock)
    yield clock
    console.app.state.refusals = before


def knock(console: RunningConsole, token: str, *, client: httpx.Client | None = None) -> httpx.Response:
    return (client or console.client).get("/api/v1/sending", headers={"authorization": f"Bearer {token}"})


def entries(console: RunningConsole) -> list[AuditEntry]:
    return console.audit(refusals.LOGIN_FAILED)


@pytest.mark.parametrize(
    ("token", "actor", "reason"),
    [("revoked", "test-revoked", "revoked"), ("expired", "test-expired", "expired"), (None, "unknown", "unknown")],
)
def test_a_failed_login_says_who_and_from_where_and_never_the_token(
    console: RunningConsole, clock: Clock, token: str | None, actor: str, reason: str
) -> None:
    secret = console.tokens[token] if token is not None else MADE_UP
    assert knock(console, secret).status_code == 401
    entry = entries(console)[-1]
    assert (entry.actor, entry.address, entry.detail["reason"]) == (actor, "127.0.0.1", reason)
    assert (entry.subject_id is not None) is (token is not None)
    assert secret not in str(entry.detail)
    shown = console.get("/audit", params={"act": refusals.LOGIN_FAILED, "limit": 1}).json()["items"][0]
    assert shown["entry_id"] == entry.id


def test_one_address_and_minute_is_one_entry_with_a_count(console: RunningConsole, clock: Clock) -> None:
    before = len(entries(console))
    for _ in range(5):
        knock(console, MADE_UP)
    console.app.state.refusals.settle()
    assert len(entries(console)) == before + 1
    clock.now += 60
    console.app.state.refusals.settle()
    assert [entry.detail["failed"] for entry in entries(console)[before:]] == [1, 4]


def test_who_guesses_has_to_wait_and_nobody_else(console: RunningConsole, clock: Clock) -> None:
    assert knock(console, console.tokens["viewer"]).status_code == 200
    for _ in range(FAILED_AT_MOST):
        assert knock(console, MADE_UP).status_code == 401
    clock.now += 20
    for token in (MADE_UP, "aac_another", console.tokens["operator"]):
        answer = knock(console, token)
        check_problem(answer, 429, "too_many_attempts")
        assert answer.headers["retry-after"] == "40"
    assert knock(console, console.tokens["viewer"]).status_code == 200, "a token that has worked goes on"
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=console.client.base_url, transport=transport, trust_env=False) as elsewhere:
        assert knock(console, console.tokens["operator"], client=elsewhere).status_code == 200
        assert knock(console, MADE_UP, client=elsewhere).status_code == 401
    clock.now += 40
    assert knock(console, console.tokens["admin"]).status_code == 200
    assert knock(console, MADE_UP).status_code == 401


def test_a_second_person_s_token_is_guessed_no_faster(console: RunningConsole, clock: Clock) -> None:
    path = "/held/999999/release"
    headers = {"second-authorization": f"Bearer {MADE_UP}"}
    answers = [console.post(path, json={"reason": "x"}, headers=headers) for _ in range(FAILED_AT_MOST + 1)]
    assert [answer.status_code for answer in answers] == [401] * FAILED_AT_MOST + [429]


def test_many_addresses_fill_neither_the_audit_nor_the_memory(console: RunningConsole) -> None:
    clock = Clock()
    tried = Refusals(console.context.database, clock=clock)
    before = len(entries(console))
    addresses = [f"10.{n // 65536}.{n // 256 % 256}.{n % 256}" for n in range(SOURCES_AT_MOST + 500)]
    for address in addresses:
        tried.failed(address, UNKNOWN)
    assert len(entries(console)) == before + AT_ONCE
    tried.settle(at_end=True)
    told = entries(console)[before:]
    assert len(told) == AT_ONCE + 1
    assert sum(entry.detail["failed"] for entry in told) == len(addresses), "each is counted"
    assert told[-1].address == refusals.ELSEWHERE
    assert len(tried._failed._sources) == SOURCES_AT_MOST


def test_an_ipv6_network_is_one_place(console: RunningConsole) -> None:
    tried = Refusals(console.context.database, clock=Clock())
    for n in range(FAILED_AT_MOST):
        tried.failed(f"2001:db8::{n:x}", UNKNOWN)
    with pytest.raises(TooManyAttempts):
        tried.check("2001:db8::ffff", b"")
    tried.check("2001:db8:0:1::1", b"")
    assert entries(console)[-1].address == "2001:db8::/64"


def test_a_refused_role_is_on_record(console: RunningConsole, clock: Clock) -> None:
    before = len(console.audit("access.refused"))
    console.post("/sending/resume", role=Role.OPERATOR)
    entry = console.audit("access.refused")[before]
    assert entry.actor == "test-operator"
    assert entry.detail == {
        "method": "POST",
        "route": "/api/v1/sending/resume",
        "needed": "admin",
        "role": "operator",
        "refused": 1,
    }


def test_a_role_that_is_refused_again_and_again_is_one_entry_a_minute(console: RunningConsole, clock: Clock) -> None:
    before = len(console.audit(refusals.ACCESS_REFUSED))
    for _ in range(5):
        console.post("/sending/resume", role=Role.OPERATOR)
    clock.now += 60
    console.app.state.refusals.settle()
    told = console.audit(refusals.ACCESS_REFUSED)[before:]
    assert [(entry.actor, entry.detail["refused"]) for entry in told] == [("test-operator", 1), ("test-operator", 4)]
    assert told[-1].detail["route"] == "/api/v1/sending/resume"


@pytest.mark.parametrize("act", [refusals.LOGIN_FAILED, refusals.ACCESS_REFUSED])
def test_who_comes_from_many_places_all_day_fills_no_table(console: RunningConsole, act: str) -> None:
    """Each is counted; the rows are those that had room, and one a minute for all others."""
    clock = Clock()
    tried, before, minutes, places = Refusals(console.context.database, clock=clock), len(console.audit(act)), 60, 40
    for minute in range(minutes):
        for place in range(places):
            address = f"10.0.{minute}.{place}"
            if act == refusals.LOGIN_FAILED:
                tried.failed(address, UNKNOWN)
            else:
                tried.refused(address, Reach("ann", "POST", f"/{place}", "admin", "viewer"))
        clock.now += 60
        tried.settle()
    told = console.audit(act)[before:]
    key = "failed" if act == refusals.LOGIN_FAILED else "refused"
    assert sum(entry.detail[key] for entry in told) == minutes * places
    assert len(told) <= AT_ONCE + minutes * 60 / ANOTHER_EVERY.total_seconds() + minutes + 1
