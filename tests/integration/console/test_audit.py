"""The audit as admins read it over the API: who, what, when, from where; by each of them, in pages."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.core.storage import audit
from tests.integration.console.conftest import RunningConsole
from tests.integration.console.test_bad_input import check_problem
from tests.tools.rows import add_letter

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def acts(console: RunningConsole) -> None:
    """Three acts of a token about a subject of the test's own, the last of them over the API."""
    with console.context.database.transaction() as session:
        for act, subject_id in (("thing.made", 7), ("thing.turned", 7)):
            audit.record(session, actor="maria", act=act, subject="thing", subject_id=subject_id, detail={"n": 1})
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    console.post("/sending/stop", json={"reason": "a look at the audit"}, headers=headers)


def newest(console: RunningConsole, **query: Any) -> list[dict[str, Any]]:
    answer = console.get("/audit", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.usefixtures("acts")
def test_an_act_over_the_api_says_who_what_when_from_where_and_its_trace(console: RunningConsole) -> None:
    entry = newest(console, limit=1)[0]
    (kept,) = console.audit("sending.stopped")[-1:]
    assert (entry["actor"], entry["act"], entry["subject"]) == ("test-admin", "sending.stopped", "installation")
    assert entry["address"] == "127.0.0.1"
    assert entry["detail"] == {"reason": "a look at the audit"}
    assert datetime.fromisoformat(entry["at"]) == kept.at
    assert entry["trace_id"] == TRACE


@pytest.mark.usefixtures("acts")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"actor": "maria"}, ["thing.turned", "thing.made"]),
        ({"act": "thing.made"}, ["thing.made"]),
        ({"subject": "thing"}, ["thing.turned", "thing.made"]),
        ({"subject": "thing", "subject_id": 7, "act": "thing.turned"}, ["thing.turned"]),
        ({"subject": "thing", "subject_id": 8}, []),
        ({"actor": "nobody"}, []),
    ],
)
def test_it_is_found_by_who_and_what(console: RunningConsole, query: dict[str, Any], found: list[str]) -> None:
    assert [entry["act"] for entry in newest(console, **query)][: len(found) or 1] == found


@pytest.mark.usefixtures("acts")
def test_it_is_found_by_when(console: RunningConsole) -> None:
    last, before = (datetime.fromisoformat(entry["at"]) for entry in newest(console, limit=2))
    assert newest(console, since=last.isoformat(), limit=1)[0]["act"] == "sending.stopped"
    assert newest(console, since=(last + timedelta(microseconds=1)).isoformat()) == []
    assert newest(console, until=last.isoformat(), limit=1)[0]["at"] == before.isoformat().replace("+00:00", "Z")


@pytest.mark.usefixtures("acts")
def test_its_pages_leave_nothing_out(console: RunningConsole) -> None:
    whole = [entry["entry_id"] for entry in newest(console, actor="maria")]
    paged: list[int] = []
    query = {"actor": "maria", "limit": 1}
    while True:
        page = console.get("/audit", params=query).json()
        paged += [entry["entry_id"] for entry in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert paged == whole == sorted(whole, reverse=True)


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        ({"subject_id": 7}, "subject_missing", "/subject"),
        ({"since": "2026-03-02T18:00:00Z", "until": "2026-03-02T18:00:00Z"}, "until_before_since", "/until"),
        ({"since": "yesterday"}, "query_invalid", "/since"),
        ({"who": "maria"}, "query_invalid", "/who"),
    ],
)
def test_a_question_that_means_nothing_is_refused(
    console: RunningConsole, query: dict[str, int] | dict[str, str], code: str, pointer: str
) -> None:
    check_problem(console.get("/audit", params=query), 422, code, pointer)


def test_a_discarded_letter_says_why_and_by_whom(console: RunningConsole) -> None:

    letter_id = add_letter(console.context, "debug_task", args=[], reason="x", error="x", attempts=1, task_id="noted")
    console.post(f"/dead-letters/{letter_id}/discard", json={"note": "the contact was erased"})
    shown = console.get(f"/dead-letters/{letter_id}").json()
    assert (shown["note"], shown["discarded_by"]) == ("the contact was erased", "test-admin")
    assert shown["discarded_at"] is not None
