"""What each verb refuses beyond what a shape can say: with the field's name, a stable code, and nothing done."""

import json
from datetime import timedelta
from typing import Any

import pytest

from services.core.domain.messages import MessageStatus
from services.core.storage import clock
from tests.integration.console.acts import add_campaign, add_job, add_message, new_number
from tests.integration.console.conftest import RunningConsole
from tests.integration.console.test_bad_input import CANARY, JSON, check_problem
from tests.tools.rows import warm_limiter

NESTED = b'{"reason": ' + b"[" * 40 + b"]" * 40 + b"}"
POSTS = (
    "/contacts",
    "/contacts/1/erase",
    "/opt-outs",
    "/opt-outs/lift",
    "/campaigns",
    "/campaigns/1/start",
    "/campaigns/1/clone",
    "/held/1/release",
    "/held/1/bind",
    "/held/1/cancel",
    "/reviews/1/decide",
    "/conversations/1/reply",
    "/jobs",
    "/dead-letters/replay",
    "/dead-letters/1/replay",
    "/dead-letters/1/discard",
    "/sending/stop",
    "/sending/adopt",
    "/clock",
    "/provider/register-webhook",
    "/provider/rotate",
    "/provider/checklist/daily_cap",
    "/tokens",
    "/users",
)


@pytest.fixture(scope="module", autouse=True)
def stack_that_runs(console: RunningConsole) -> None:
    warm_limiter(console.context)
    settled = console.post("/sending/adopt", json={"reason": "other modules' acts leave a database in doubt"})
    assert settled.status_code in (200, 409), settled.text


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"\xff{}", 400),
        (NESTED, 400),
        (b'{"reason": NaN}', 422),
        (b'{"reason": 1e400}', 422),
        (b'{"reason": 99999999999999999999}', 422),
        (b'{"reason": "\\ud83d"}', 422),
        (b'{"role": "admin", "by": "somebody else"}', 422),
        (b"[]", 422),
    ],
    ids=["empty", "no utf-8", "deep", "nan", "infinite", "huge", "surrogate", "extra fields", "a list"],
)
def test_every_body_is_read_strictly(console: RunningConsole, path: str, content: bytes, status: int) -> None:
    check_problem(console.post(path, content=content, headers=JSON), status)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_no_page_of_another_site_can_post(console: RunningConsole, path: str, kind: str) -> None:
    check_problem(console.post(path, content=b"a=1", headers={"content-type": kind}), 415, "content_type")
    other = {"content-type": "application/json", "origin": "https://elsewhere.example"}
    check_problem(console.post(path, content=b"{}", headers=other), 403, "origin_refused")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/contacts/999999/erase", {"reason": "x"}, 404, "not_found"),
        ("/contacts/1/erase", {"reason": " "}, 422, "reason_missing"),
        ("/opt-outs/lift", {"number": "+12025550199", "evidence": "x"}, 409, "not_opted_out"),
        ("/opt-outs/lift", {"number": "+12025550199", "evidence": " "}, 422, "evidence_missing"),
        ("/held/999999/release", {"reason": "x"}, 404, "not_found"),
        ("/held/999999/cancel", {"reason": " "}, 422, "reason_missing"),
        ("/held/1/bind", {"reason": "x", "provider_message_id": "../AC1"}, 422, "body_invalid"),
        ("/held/1/bind", {"reason": "x", "provider_message_id": "ACnobody"}, 404, "not_found"),
        ("/reviews/999999/decide", {"decision": "keep"}, 404, "not_found"),
        ("/reviews/1/decide", {"decision": "perhaps"}, 422, "body_invalid"),
        ("/conversations/999999/reply", {"text": "x"}, 404, "not_found"),
        ("/jobs", {"external_id": "J", "job_type": "x"}, 422, "number_missing"),
        ("/jobs", {"external_id": "J", "number": "911", "job_type": "x"}, 422, "number_refused"),
        ("/jobs", {"external_id": "a\nb", "number": "2025550143", "job_type": "x"}, 422, "external_id_refused"),
        ("/jobs", {"external_id": "J", "calendar_end": "2026-03-08T02:30:00"}, 422, "body_invalid"),
        ("/jobs", {"external_id": "J", "calendar_end": "9999-12-31T00:00:00Z"}, 422, "body_invalid"),
        ("/jobs", {"external_id": "J", "calendar_end": "2026-03-02T24:00:01Z"}, 422, "body_invalid"),
        ("/jobs", {"external_id": "J", "completed_at": "2026-03-02T13:00:00Z"}, 422, "body_invalid"),
        ("/dead-letters/replay", {"letter_ids": []}, 422, "body_invalid"),
        ("/dead-letters/replay", {"letter_ids": [0]}, 422, "body_invalid"),
        ("/dead-letters/replay", {"limit": 101}, 422, "body_invalid"),
        ("/dead-letters/replay", {"per_second": 0}, 422, "body_invalid"),
        ("/dead-letters/999999/discard", {"note": "x"}, 404, "not_found"),
        ("/campaigns/999999/clone", {"name": "x"}, 404, "not_found"),
        ("/provider/register-webhook", {"url": "javascript:alert(1)"}, 422, "url_refused"),
        ("/provider/register-webhook", {"url": "https://a.example/elsewhere"}, 422, "url_refused"),
        ("/provider/register-webhook", {"url": "http://[::1"}, 422, "url_refused"),
        ("/provider/rotate", {"webhook_id": "WHnobody"}, 404, "not_found"),
        ("/provider/rotate", {}, 422, "webhook_unknown"),
        ("/provider/checklist/daily_cap", {"state": "settled", "note": " "}, 422, "note_missing"),
        ("/provider/checklist/no_item", {"state": "open"}, 404, "not_found"),
        ("/sending/adopt", {"reason": "x"}, 409, "nothing_to_adopt"),
        ("/tokens/test-admin/revoke", None, 409, "own_token"),
    ],
)
def test_what_a_verb_refuses(
    console: RunningConsole, path: str, body: dict[str, Any] | None, status: int, code: str
) -> None:
    answer = console.post(path, json=body) if body is not None else console.post(path)
    check_problem(answer, status, code)


def test_a_letter_that_cannot_be_replayed_is_named(console: RunningConsole) -> None:
    answer = console.post("/dead-letters/replay", json={"letter_ids": [999_999]}).json()
    assert answer["items"] == []
    assert [(each["letter_id"], each["code"]) for each in answer["refused"]] == [(999_999, "not_found")]


def test_nobody_is_answered_who_opted_out_or_never_wrote(console: RunningConsole) -> None:
    silent, gone = new_number(), new_number()
    console.post("/contacts", json={"number": silent})
    add_message(console, MessageStatus.RECEIVED, number=gone)
    console.post("/opt-outs", json={"number": gone, "evidence": "by phone"})
    for number, code in ((silent, "nothing_to_answer"), (gone, "opted_out")):
        check_problem(console.post(f"/conversations/{number}/reply", json={"text": "Hello"}), 409, code)
    check_problem(console.post(f"/conversations/{gone}/reply", json={"text": " \u200b "}), 422, "text_refused", "/text")
    check_problem(console.post(f"/conversations/{gone}/reply", json={"text": "x" * 1601}), 422, "text_too_long")


def test_a_job_belongs_to_one_person_and_its_times_are_taken_back(console: RunningConsole) -> None:
    name = add_job(console)
    body = {"external_id": name, "number": new_number(), "job_type": "foundation"}
    check_problem(console.post("/jobs", json=body), 409, "other_person")
    address = f"/jobs/{name.replace('+', '%2B')}"
    paid = {"invoice_paid_at": "2026-03-02T16:00:00-05:00"}
    assert console.call("PATCH", address, json=paid).json()["job"]["invoice_paid_at"] == "2026-03-02T21:00:00Z"
    assert console.call("PATCH", address, json={}).json()["outcome"] == "unchanged"
    assert console.call("PATCH", address, json={"invoice_paid_at": None}).json()["job"]["invoice_paid_at"] is None
    check_problem(console.call("PATCH", "/jobs/nobody's", json={}), 404, "not_found")


def test_hostile_words_are_inert_everywhere(console: RunningConsole, capsys: pytest.CaptureFixture[str]) -> None:
    words = "<img src=x onerror=alert(1)> {{7*7}} ${jndi:x} \x1b[31m\r\nlevel=error forged"
    campaign_id, _ = add_campaign(console)
    answers = [
        console.post(f"/campaigns/{campaign_id}/clone", json={"name": f"{words}{new_number()}"}),
        console.post("/opt-outs", json={"number": new_number(), "evidence": words}),
        console.post("/sending/stop", json={"reason": words}),
        console.import_csv(b"phone\n2025550143\n", params={"file_name": "<script>.csv"}),
        console.import_csv(b"phone\n2025550143\n", params={"file_name": "a\nb.csv"}),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 200, 201, 422]
    assert console.post("/sending/resume").status_code == 200
    assert {answer.headers["content-type"] for answer in answers} <= {"application/json", "application/problem+json"}
    assert "forged" not in capsys.readouterr().out
    assert words in json.loads(answers[0].content)["name"]


def test_a_campaign_cannot_be_moved_by_what_another_row_says(console: RunningConsole) -> None:
    """Ids of another kind of thing lead nowhere, whatever they are ids of."""
    campaign_id, _ = add_campaign(console)
    message_id = add_message(console, MessageStatus.PENDING)
    for path in (f"/held/{message_id}", f"/held/{message_id}/cancel"):
        is_act = path.endswith("cancel")
        answer = console.post(path, json={"reason": "x"}) if is_act else console.get(path)
        check_problem(answer, 409, "not_held")
    check_problem(console.post(f"/campaigns/{campaign_id}/pause"), 409, "campaign_state")
    check_problem(console.post(f"/campaigns/{campaign_id}/resume"), 409, "not_started")


def test_a_canary_in_a_refused_body_comes_back_nowhere(console: RunningConsole) -> None:
    with console.context.database.reading() as session:
        past = clock.product_now(session) - timedelta(days=1)
    for path, body in (("/clock", {"to": past.isoformat()}), ("/jobs", {"external_id": CANARY, "x": CANARY})):
        assert CANARY not in console.post(path, json=body).text
