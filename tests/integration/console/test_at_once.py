"""The same from many people at the same moment: it is made once, and the others hear so."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.core.domain.failures import MadeAtOnce
from services.core.domain.messages import MessageStatus
from services.core.storage.models import Contact
from tests.integration.console.acts import ACTS, add_message, new_number
from tests.integration.console.conftest import RunningConsole
from tests.integration.console.test_acts import send
from tests.tools.rows import warm_limiter
from tests.tools.simulator import RunningSimulator

AT_ONCE = 8
ROUNDS = 3
PATIENCE = 20
ONE_ONLY: dict[str, Callable[[], tuple[str, dict[str, Any], tuple[int, str]]]] = {
    "contacts": lambda: ("/contacts", {"number": new_number()}, (201, "contact_known")),
    "campaigns": lambda: (
        "/campaigns",
        {"name": f"at once {new_number()}", "template_a": "Reply STOP to opt out.", "audience": {"all": True}},
        (201, "name_taken"),
    ),
    "users": lambda: ("/users", {"name": f"at once {new_number()}", "role": "viewer"}, (201, "name_taken")),
    "tokens": lambda: ("/tokens", {"name": f"at once {new_number()}", "role": "viewer"}, (201, "name_taken")),
}


@pytest.fixture(scope="module", autouse=True)
def stack_that_runs(console: RunningConsole) -> None:
    warm_limiter(console.context)


def at_once(*acts: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """What threads get that begin together, and come again when they hear that somebody is at the row."""
    barrier = Barrier(len(acts))

    def begin(act: Callable[[], httpx.Response]) -> httpx.Response:
        barrier.wait()
        for _ in range(PATIENCE):
            answer = act()
            if (answer.status_code, answer.json().get("code")) != (503, "locked"):
                break
        return answer

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(begin, acts))


def is_word_of_others(answer: httpx.Response) -> bool:
    """It was done, or is being done: one who waited two seconds for another's row is told to come again."""
    return answer.status_code in (404, 409, 422) or (answer.status_code, answer.json()["code"]) == (503, "locked")


@pytest.mark.parametrize("act", ACTS, ids=" ".join)
def test_no_act_fails_because_others_do_the_same(
    console: RunningConsole, simulator: RunningSimulator, act: tuple[str, str]
) -> None:
    for _ in range(ROUNDS if act[1] in ("/jobs", "/contacts", "/tokens", "/job-imports", "/opt-outs") else 1):
        request = ACTS[act](console, simulator)
        answers = at_once(*[partial(send, console, act, request)] * AT_ONCE)
        statuses = Counter(answer.status_code for answer in answers)
        assert any(status < 300 for status in statuses), [answer.text for answer in answers]
        failed = [answer for answer in answers if answer.status_code >= 300]
        assert all(is_word_of_others(answer) for answer in failed), [answer.text for answer in failed]


@pytest.mark.parametrize("noun", ONE_ONLY)
def test_one_of_many_makes_it(console: RunningConsole, noun: str) -> None:
    for _ in range(ROUNDS):
        path, body, (made, code) = ONE_ONLY[noun]()
        answers = at_once(*[partial(console.post, path, json=body)] * AT_ONCE)
        assert Counter(answer.status_code for answer in answers) == {made: 1, 409: AT_ONCE - 1}
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {code}


def test_a_job_that_many_put_is_added_once_and_all_of_them_hear_of_it(console: RunningConsole) -> None:
    for _ in range(ROUNDS):
        body = {"external_id": f"J-{new_number()}", "number": new_number(), "job_type": "foundation"}
        answers = at_once(*[partial(console.post, "/jobs", json=body)] * AT_ONCE)
        assert {answer.status_code for answer in answers} == {200}
        assert Counter(answer.json()["outcome"] for answer in answers) == {"added": 1, "unchanged": AT_ONCE - 1}


def test_a_job_that_is_put_for_several_people_at_once_is_one_persons(console: RunningConsole) -> None:
    for _ in range(ROUNDS):
        name = f"J-{new_number()}"
        bodies = [{"external_id": name, "number": new_number(), "job_type": "roof"} for _ in range(AT_ONCE)]
        answers = at_once(*[partial(console.post, "/jobs", json=body) for body in bodies])
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: AT_ONCE - 1}
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"other_person"}


def test_a_file_of_jobs_that_is_imported_by_three_at_once_refuses_none_of_them(console: RunningConsole) -> None:
    rows = "".join(f"J-{new_number()},{new_number()},foundation\n" for _ in range(30))
    content = f"external_id,phone,job_type\n{rows}".encode()
    headers, params = {"content-type": "text/csv"}, {"apply": "true"}
    answers = at_once(*[partial(console.post, "/job-imports", content=content, headers=headers, params=params)] * 3)
    assert [answer.json()["rejected"] for answer in answers] == [0] * 3
    again = console.post("/job-imports", content=content, headers=headers, params=params).json()
    assert (again["unchanged"], again["rejected"]) == (30, 0)


def test_a_text_of_the_provider_is_bound_to_one_of_ours(console: RunningConsole, simulator: RunningSimulator) -> None:
    number = new_number()
    first = add_message(console, MessageStatus.HELD, number=number)
    second = add_message(console, MessageStatus.HELD, number=number)
    provider_id = simulator.send(number).json()["data"]["id"]
    body = {"reason": "seen there", "provider_message_id": provider_id}
    answers = at_once(*[partial(console.post, f"/held/{held}/bind", json=body) for held in (first, second)])
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [refused] = [answer.json() for answer in answers if answer.status_code == 409]
    assert refused["code"] == "bound_already"


def test_what_nobody_foresaw_is_a_conflict_too(console: RunningConsole) -> None:
    """Whatever else is made twice: not our failure, and not lost in a task."""
    number = new_number()
    assert console.post("/contacts", json={"number": number}).status_code == 201
    with pytest.raises(MadeAtOnce) as raised, console.context.database.transaction() as session:
        session.add(Contact(e164=number))
    assert (raised.value.status, raised.value.retryable) == (409, True)


def test_who_waits_for_anothers_row_hears_that_and_not_that_the_database_is_away(console: RunningConsole) -> None:
    created = console.create_campaign(f"locked {new_number()}")
    with console.context.database.transaction() as session:
        session.execute(text("SELECT FROM campaigns WHERE id = :id FOR UPDATE"), {"id": created["campaign_id"]})
        answer = console.post(f"/campaigns/{created['campaign_id']}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (503, "locked")
    assert answer.headers["retry-after"]
    assert console.post(f"/campaigns/{created['campaign_id']}/cancel").status_code == 200
