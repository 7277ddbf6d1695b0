"""Requests that no client of ours sends: each is refused in the one form, and nothing of it is done or repeated."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.console.conftest import RunningConsole

CANARY = "canary-7f3a"
JSON = {"content-type": "application/json"}
TEXT = "Hi there, time to look at the foundation? Reply STOP to opt out."


def body(**changes: object) -> bytes:
    return json.dumps({"name": "bad input", "template_a": TEXT, "audience": {"all": True}} | changes).encode()


def check_problem(answer: httpx.Response, status: int, code: str | None = None, pointer: str | None = None) -> None:
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert list(problem) == ["type", "title", "status", "code", "detail", "pointer", "request_id"]
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["detail"]
    assert CANARY not in answer.text
    if code is not None:
        assert problem["code"] == code
    if pointer is not None:
        assert problem["pointer"] == pointer


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "body_missing"),
        (b"{", 400, "body_not_json"),
        (b"canary-7f3a", 400, "body_not_json"),
        (b"{'name': 1}", 400, "body_not_json"),
        (b"\xff\xfe\x00", 400, "body_not_utf8"),
        (b'{"name": "\xed\xa0\x80"}', 400, "body_not_utf8"),
        (b"\xef\xbb\xbf{}", 400, "body_not_json"),
        (b'{"name": "a", "name": "b"}', 400, "key_repeated"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, 400, "body_too_deep"),
        (b"[" * 30_000, 400, None),
        (b"[" * 30_000 + b"]" * 30_000, 400, "body_too_deep"),
        (b"null", 422, "body_invalid"),
        (b"[]", 422, "body_invalid"),
        (b'"text"', 422, "body_invalid"),
        (b"{}", 422, "body_invalid"),
        (body(daily_cap="NUMBER").replace(b'"NUMBER"', b"NaN"), 422, "number_out_of_range"),
        (body(daily_cap="NUMBER").replace(b'"NUMBER"', b"-Infinity"), 422, "number_out_of_range"),
        (body(daily_cap="NUMBER").replace(b'"NUMBER"', b"1e400"), 422, "number_out_of_range"),
        (body(daily_cap="NUMBER").replace(b'"NUMBER"', b"9" * 5000), 422, "number_out_of_range"),
        (body(daily_cap=2**63), 422, "number_out_of_range"),
        (body(name="half \ud83d of a pair"), 422, "text_unreadable"),
        (body(name="a\0b"), 422, "text_unreadable"),
        (body(**{"a\0b": 1}), 422, "text_unreadable"),
    ],
)
def test_bodies_that_are_no_document(console: RunningConsole, content: bytes, status: int, code: str | None) -> None:
    check_problem(console.post("/campaigns", content=content, headers=JSON), status, code)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"role": "admin"}, "/role"),
        ({"status": "running"}, "/status"),
        ({"created_by": CANARY}, "/created_by"),
        ({"a/b~c": 1}, "/a~1b~0c"),
        ({"name": 7}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": " "}, "/name"),
        ({"name": "123"}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"name": None}, "/name"),
        ({"kind": CANARY}, "/kind"),
        ({"daily_cap": 0}, "/daily_cap"),
        ({"daily_cap": -1}, "/daily_cap"),
        ({"daily_cap": 10**9}, "/daily_cap"),
        ({"daily_cap": 1.5}, "/daily_cap"),
        ({"daily_cap": True}, "/daily_cap"),
        ({"daily_cap": "125"}, "/daily_cap"),
        ({"batch_size": 0}, "/batch_size"),
        ({"batch_every": 600}, "/batch_every"),
        ({"batch_every": "PT0S"}, "/batch_every"),
        ({"batch_every": "P9999999999D"}, "/batch_every"),
        ({"batch_every": CANARY}, "/batch_every"),
        ({"ids_per_task": 51}, "/ids_per_task"),
        ({"split_percent_b": 50}, "/split_percent_b"),
        ({"split_percent_b": 101}, "/split_percent_b"),
        ({"ends_at": "2026-03-02T13:00:00"}, "/ends_at"),
        ({"ends_at": "2026-03-02T24:00:61Z"}, "/ends_at"),
        ({"ends_at": "9999-12-31T23:59:59Z"}, "/ends_at"),
        ({"ends_at": "0001-01-01T00:00:00+14:00"}, "/ends_at"),
        ({"ends_at": 1700000000}, "/ends_at"),
        ({"ends_at": CANARY}, "/ends_at"),
        ({"fields": ["opted_out"]}, "/fields/0"),
        ({"fields": [""]}, "/fields/0"),
        ({"fields": [CANARY * 20]}, "/fields/0"),
        ({"template_a": "Hi {{nobody}}. Reply STOP to opt out."}, "/template_a"),
        ({"template_a": "Hi {{first_name. Reply STOP to opt out."}, "/template_a"),
        ({"template_a": "Hi {{ {{first_name}} }}. Reply STOP to opt out."}, "/template_a"),
        ({"template_a": "Hi {{first_name|upper}}. Reply STOP to opt out."}, "/template_a"),
        ({"template_a": "Hi {{first_name.upper()}}. Reply STOP to opt out."}, "/template_a"),
        ({"template_a": "   "}, "/template_a"),
        ({"template_a": "x" * 1601}, "/template_a"),
        ({"template_a": "Look at bit.ly/2x. Reply STOP to opt out."}, "/template_a"),
        ({"template_a": "Nobody says here how to opt out."}, "/template_a"),
    ],
)
def test_fields_that_are_refused(console: RunningConsole, changes: dict[str, Any], pointer: str) -> None:
    check_problem(console.post("/campaigns", content=body(**changes), headers=JSON), 422, pointer=pointer)


@pytest.mark.parametrize(
    "audience", [{}, {"import": 0}, {"import": "1"}, {"all": False}, {"all": True, "import": 1}, {"sql": CANARY}, "all"]
)
def test_audiences_that_are_refused(console: RunningConsole, audience: dict[str, Any] | str) -> None:
    check_problem(console.post("/campaigns", content=body(audience=audience), headers=JSON), 422, "body_invalid")


@pytest.mark.parametrize(
    "window",
    [
        {},
        {"opens": "09:00"},
        {"opens": "09:00", "closes": "24:00"},
        {"opens": "09:00", "closes": "17:00Z"},
        {"opens": "09:00", "closes": "09:00"},
        {"opens": "21:00", "closes": "08:00"},
        {"opens": "08:00", "closes": "21:00", "crosses_midnight": True},
        {"opens": "09:00", "closes": "17:00", "weekdays": []},
        {"opens": "09:00", "closes": "17:00", "weekdays": [7]},
        {"opens": "09:00", "closes": "17:00", "zone": "America/Nowhere"},
        {"opens": "09:00", "closes": "17:00", "zone": "../../etc/passwd"},
        {"opens": "09:00", "closes": "17:00", "zone": "EST"},
    ],
)
def test_windows_that_are_refused(console: RunningConsole, window: dict[str, Any]) -> None:
    check_problem(console.post("/campaigns", content=body(window=window), headers=JSON), 422)


def test_a_window_over_midnight_says_so(console: RunningConsole) -> None:
    window = {"opens": "21:00", "closes": "08:00", "crosses_midnight": True}
    assert console.post("/campaigns", content=body(name="night", window=window), headers=JSON).status_code == 201


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-type": "text/plain"}, 415, "content_type"),
        ({"content-type": "application/x-www-form-urlencoded"}, 415, "content_type"),
        ({"content-type": "multipart/form-data; boundary=x"}, 415, "content_type"),
        ({"content-type": "text/csv"}, 415, "content_type"),
        ({}, 415, "content_type"),
        ({**JSON, "content-encoding": "gzip"}, 415, "content_encoding"),
        ({**JSON, "origin": "https://elsewhere.example"}, 403, "origin_refused"),
        ({**JSON, "origin": "null"}, 403, "origin_refused"),
        ({**JSON, "origin": "http://[::1"}, 403, "origin_refused"),
        ({**JSON, "idempotency-key": "two words"}, 422, "idempotency_key_invalid"),
        ({**JSON, "idempotency-key": "k" * 201}, 422, "idempotency_key_invalid"),
    ],
)
@pytest.mark.parametrize("path", ["/campaigns", "/sending/stop"])
def test_requests_that_another_site_could_send(
    console: RunningConsole, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    check_problem(console.post(path, content=body(), headers=headers), status, code)


def test_an_act_without_a_body_takes_no_form(console: RunningConsole) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    check_problem(console.post("/sending/resume", content=b"a=1", headers=form), 415, "content_type")
    check_problem(console.post("/sending/resume", content=b'{"a": 1}', headers=JSON), 422, "body_unexpected")


def test_large_bodies(console: RunningConsole) -> None:
    check_problem(console.post("/campaigns", content=b" " * 70_000, headers=JSON), 413, "body_too_large")
    chunks = (b" " * 1000 for _ in range(100))
    check_problem(console.post("/campaigns", content=chunks, headers=JSON), 413, "body_too_large")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/campaigns/999999", 404, "not_found"),
        ("GET", "/campaigns/canary-7f3a", 404, "not_found"),
        ("GET", "/campaigns/0", 404, "not_found"),
        ("GET", "/campaigns/-1", 404, "not_found"),
        ("GET", f"/campaigns/{10**30}", 404, "not_found"),
        ("GET", f"/campaigns/{2**63}", 404, "not_found"),
        ("GET", "/campaigns/1%00", 404, "not_found"),
        ("GET", "/campaigns/1%2e0", 404, "not_found"),
        ("GET", "/campaigns/%ff", 404, "not_found"),
        ("POST", "/campaigns/999999/pause", 404, "not_found"),
        ("POST", "/campaigns/999999/plan", 404, "not_found"),
        ("GET", "/contacts/+12025550199", 404, "not_found"),
        ("GET", "/contacts/'; DROP TABLE contacts; --", 404, "not_found"),
        ("GET", "/contacts/imports/999999", 404, "not_found"),
        ("GET", "/messages/999999", 404, "not_found"),
        ("GET", "/messages/999999/why", 404, "not_found"),
        ("GET", "/held/999999", 404, "not_found"),
        ("POST", "/schedule/unknown_job/pause", 404, "not_found"),
        ("GET", "/schedule/unknown_job/runs", 404, "not_found"),
        ("DELETE", "/campaigns", 405, "method_not_allowed"),
        ("PUT", "/campaigns/1", 405, "method_not_allowed"),
        ("GET", "/campaigns/1/start", 405, "method_not_allowed"),
        ("PUT", "/contacts/imports", 405, "method_not_allowed"),
        ("GET", "/contacts/imports/999999/rows", 404, "not_found"),
        ("GET", "/contacts/imports/999999/rows/export", 404, "not_found"),
        ("GET", "/job-imports", 405, "method_not_allowed"),
        ("POST", "/jobs/imports", 405, "method_not_allowed"),
        ("GET", "/dead-letters/replay", 405, "method_not_allowed"),
    ],
)
def test_addresses_of_nothing(console: RunningConsole, method: str, path: str, status: int, code: str) -> None:
    answer = console.call(method, path)
    check_problem(answer, status, code)
    assert "12025550199" not in answer.text
    if status == 405:
        assert answer.headers["allow"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=201", "/limit"),
        ("limit=1000000000", "/limit"),
        ("limit=canary-7f3a", "/limit"),
        (f"limit={'9' * 5000}", "/limit"),
        ("sort=created_at", "/sort"),
        ("status=canary-7f3a", "/status"),
        ("campaign_id=0", "/campaign_id"),
        (f"campaign_id={2**63}", "/campaign_id"),
        ("e164=canary-7f3a", "/e164"),
        (f"e164={'1' * 10_000}", "/e164"),
        ("e164=%2B1202%00", "/e164"),
        ("e164=(a%2B)%2B$", "/e164"),
        ("cursor=", "/cursor"),
        ("cursor=canary-7f3a", "/cursor"),
        (f"cursor={'A' * 32}", "/cursor"),
        (f"cursor={'A' * 33}", "/cursor"),
    ],
)
def test_queries_that_are_refused(console: RunningConsole, query: str, pointer: str) -> None:
    check_problem(console.get(f"/messages?{query}"), 422, pointer=pointer)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"number": "1.2025550143E+10"}, "/phone"),
        ({"number": "canary-7f3a"}, "/phone"),
        ({"number": "911"}, "/phone"),
        ({"number": "+442071838750"}, "/phone"),
        ({"state": "canary-7f3a"}, "/state"),
        ({"timezone": "canary-7f3a"}, "/timezone"),
        ({"timezone": "EST"}, "/timezone"),
        ({"opted_out_at": None}, "/opted_out_at"),
        ({"fields": {"opted_out": "x"}}, "/fields/opted_out"),
        ({"fields": {"": "x"}}, None),
        ({"fields": {"roof": 1}}, "/fields/roof"),
    ],
)
def test_contacts_that_are_refused(console: RunningConsole, changes: dict[str, Any], pointer: str | None) -> None:
    check_problem(console.post("/contacts", json={"number": "(202) 555-0177"} | changes), 422, pointer=pointer)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"phone\n", 422),
        (b"name,city\nAda,Troy\n", 422),
        (b"PK\x03\x04" + b"\0" * 100, 415),
        (b"<html><body>no</body></html>", 415),
        (b'phone\n"+12025550143\n', 422),
        (b"phone,phone\n1,2\n", 422),
    ],
)
def test_files_that_are_refused(console: RunningConsole, content: bytes, status: int) -> None:
    check_problem(console.import_csv(content), status)


@pytest.mark.parametrize("to", ["2020-01-01T00:00:00Z", "2026-03-02T13:00:00", "9999-12-31T23:59:59Z", 5, None, "now"])
def test_instants_that_the_clock_is_not_moved_to(console: RunningConsole, to: str | int | None) -> None:
    check_problem(console.post("/clock", json={"to": to}), 422)


def test_headers_that_try_to_write_log_lines(console: RunningConsole) -> None:
    headers = {"user-agent": "a%0a[31m", "traceparent": "00-x-x", "x-request-id": "forged"}
    answer = console.get("/sending", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["x-request-id"] != "forged"


@pytest.mark.parametrize("path", ["/api/v1/sending", "/api/v1/nothing", "/livez", "/api/v1/docs"])
def test_every_answer_has_the_safe_headers(console: RunningConsole, path: str) -> None:
    answer = console.client.get(path, headers={"authorization": f"Bearer {console.tokens['viewer']}"})
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_hostile_texts_come_back_as_they_are_in_json(console: RunningConsole) -> None:
    name = "<script>alert(1)</script> =cmd|' /C calc'!A0 \x1b[31m \u202e"
    created = console.create_campaign(name)
    answer = console.get(f"/campaigns/{created['campaign_id']}")
    assert answer.json()["name"] == name
    assert answer.headers["content-type"] == "application/json"


def test_a_campaign_of_one_name_is_made_once_by_many(console: RunningConsole) -> None:
    def create(_attempt: int) -> int:
        return console.post("/campaigns", content=body(name="at once"), headers=JSON).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(create, range(6)))
    assert statuses == [201, *[409] * 5]
