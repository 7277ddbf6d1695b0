"""Who a browser is: let in once by a link, a person with a role from then on, and nobody else by any trick."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.console.sessions import COOKIE, HOST_COOKIE
from services.core.domain.access import Role
from services.core.domain.guesses import FAILED_AT_MOST
from services.core.domain.sign_in import IDLE_AT_MOST, LINK_VALID, SESSION_AT_MOST, own_path
from tests.integration.console.acts import new_number
from tests.integration.console.conftest import Open, RunningConsole
from tests.integration.console.people import age, csrf, invite, signed_in
from tests.integration.console.test_bad_input import check_problem
from tests.tools.browser import Browser

STOP = ("POST", "/sending/stop")


def test_a_link_lets_one_browser_in_once(console: RunningConsole, browser: Open) -> None:
    maria, other = browser(), browser()
    name, link = invite(console)
    answer = maria.enter(link, to="/campaigns?state=running")
    assert (answer.status_code, answer.headers["location"]) == (303, "/campaigns?state=running")
    assert maria.call("GET", "/sending").status_code == 200
    refused = other.enter(link)
    assert refused.status_code == 403
    assert "was used before" in refused.text
    assert other.call("GET", "/sending").status_code == 401
    entry = console.audit("user.entered")[-1]
    assert (entry.actor, entry.address) == (name, "127.0.0.1")


def test_who_opens_a_link_without_the_button_uses_nothing_up(console: RunningConsole, browser: Open) -> None:
    """Mail scanners, previews and prefetching browsers do, by GET and HEAD."""
    _, link = invite(console)
    scanner, path = browser(), link.partition("8081")[2]
    for _ in range(3):
        assert scanner.open(path).status_code == 200
        assert scanner.client.head(path).status_code == 200
    assert scanner.cookies() == {}
    assert browser().enter(link).status_code == 303


def test_a_link_that_many_use_at_once_lets_one_in(console: RunningConsole, browser: Open) -> None:
    _, link = invite(console)
    code = link.partition("code=")[2]
    barrier, opened = Barrier(6), [browser() for _ in range(6)]

    def press(each: Browser) -> httpx.Response:
        barrier.wait()
        return each.submit("/enter", {"code": code})

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(press, opened))
    assert sorted(answer.status_code for answer in answers) == [303] + [403] * 5


def test_a_link_ends_after_ten_minutes(console: RunningConsole, browser: Open) -> None:
    name, link = invite(console)
    age(console, name, "sign_in_links", "created_at", LINK_VALID)
    age(console, name, "sign_in_links", "expires_at", LINK_VALID)
    refused = browser().enter(link)
    assert refused.status_code == 403
    assert "older than ten minutes" in refused.text
    assert "attackacrack users link" in refused.text


@pytest.mark.parametrize(
    ("column", "by"), [("created_at", SESSION_AT_MOST), ("seen_at", IDLE_AT_MOST)], ids=["a week old", "idle"]
)
def test_a_session_ends_by_itself(console: RunningConsole, browser: Open, column: str, by: timedelta) -> None:
    maria = browser()
    name = signed_in(console, maria)
    age(console, name, "user_sessions", column, by - timedelta(minutes=1))
    assert maria.call("GET", "/sending").status_code == 200
    age(console, name, "user_sessions", column, by)
    check_problem(maria.call("GET", "/sending"), 401, "session_ended")
    assert maria.call("GET", "/sending").status_code == 401, "what ended is not in use again"


def test_a_session_that_is_used_goes_on(console: RunningConsole, browser: Open) -> None:
    maria = browser()
    name = signed_in(console, maria)
    for _ in range(3):
        age(console, name, "user_sessions", "seen_at", IDLE_AT_MOST - timedelta(minutes=1))
        assert maria.call("GET", "/sending").status_code == 200


def test_a_stolen_cookie_shows_in_the_list_and_can_be_ended(console: RunningConsole, browser: Open) -> None:
    maria, thief = browser(), browser()
    name = signed_in(console, maria)
    thief.client.cookies.update(maria.cookies())
    assert thief.call("GET", "/sending").status_code == 200
    [listed] = console.get(f"/users/{name}/sessions").json()["items"]
    assert (listed["address"], listed["agent"], listed["ended"]) == ("127.0.0.1", "Browser/1", None)
    ended = console.post(f"/users/{name}/end-sessions", json={"session_id": listed["session_id"]})
    assert ended.json()["ended"] == 1
    for each in (maria, thief):
        assert each.call("GET", "/sending").status_code == 401
    check_problem(
        console.post(f"/users/{name}/end-sessions", json={"session_id": listed["session_id"]}), 404, "not_found"
    )


def test_nobody_ends_another_person_s_session_by_its_id(console: RunningConsole, browser: Open) -> None:
    maria, jo = browser(), browser()
    signed_in(console, maria)
    hers, his = signed_in(console, maria), signed_in(console, jo)
    [session] = [each for each in console.get(f"/users/{hers}/sessions").json()["items"] if each["ended"] is None]
    check_problem(
        console.post(f"/users/{his}/end-sessions", json={"session_id": session["session_id"]}), 404, "not_found"
    )
    assert maria.call("GET", "/sending").status_code == 200


def test_who_leaves_is_out_and_so_is_who_copied_the_cookie(console: RunningConsole, browser: Open) -> None:
    maria, thief = browser(), browser()
    signed_in(console, maria)
    thief.client.cookies.update(maria.cookies())
    answer = maria.submit("/leave", {"csrf_token": csrf(maria)["x-csrf-token"]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/enter")
    assert maria.cookies() == {}
    assert thief.call("GET", "/sending").status_code == 401


def test_a_session_that_somebody_was_given_is_not_theirs_after_they_sign_in(
    console: RunningConsole, browser: Open
) -> None:
    """Fixation: a browser that already shows a cookie, known or made up, gets another, and the known one ends."""
    attacker, victim = browser(), browser()
    signed_in(console, attacker)
    [(name, planted)] = attacker.cookies().items()
    for given in (planted, "made-up"):
        _, link = invite(console)
        answer = victim.submit("/enter", {"code": link.partition("code=")[2]}, cookie=f"{name}={given}")
        assert answer.status_code == 303
        assert answer.cookies[name] != given
        assert attacker.call("GET", "/sending").status_code == 401
        assert attacker.call("GET", "/sending", headers={"cookie": f"{name}=made-up"}).status_code == 401


@pytest.mark.parametrize("end", ["disable", "end-sessions"])
def test_who_is_let_in_no_more_is_out_at_once(console: RunningConsole, browser: Open, end: str) -> None:
    maria = browser()
    name = signed_in(console, maria)
    link = console.post(f"/users/{name}/link").json()["link"]
    assert console.post(f"/users/{name}/{end}", **({"json": {}} if end == "end-sessions" else {})).status_code == 200
    assert maria.call("GET", "/sending").status_code == 401
    if end == "disable":
        assert browser().enter(link).status_code == 403
        check_problem(console.post(f"/users/{name}/link"), 409, "user_disabled")
        assert console.post(f"/users/{name}/enable").status_code == 200
        assert maria.call("GET", "/sending").status_code == 401, "an old session does not come back"
        assert browser().enter(link).status_code == 403, "nor does an old link"


def test_another_role_is_in_force_at_the_next_request(console: RunningConsole, browser: Open) -> None:
    maria = browser()
    name = signed_in(console, maria, Role.ADMIN)
    assert maria.call("GET", "/users").status_code == 200
    assert console.post(f"/users/{name}/change-role", json={"role": "viewer"}).status_code == 200
    check_problem(maria.call("GET", "/users"), 403, "role_missing")
    assert console.audit("access.refused")[-1].actor == name


@pytest.mark.parametrize("act", ["disable", "change-role"])
def test_nobody_changes_what_they_may_do_themselves(console: RunningConsole, browser: Open, act: str) -> None:
    maria = browser()
    name = signed_in(console, maria, Role.ADMIN)
    options: dict[str, Any] = {"json": {"role": "viewer"}} if act == "change-role" else {}
    answer = maria.call("POST", f"/users/{name.upper()}/{act}", headers=csrf(maria), **options)
    check_problem(answer, 409, "own_user")


def test_one_person_has_one_name_in_every_spelling(console: RunningConsole) -> None:
    name, _ = invite(console)
    for spelling in (name.upper(), f" {name} ", name.replace("u", "\uff55")):
        check_problem(console.post("/users", json={"name": spelling, "role": "admin"}), 409, "name_taken", "/name")


@pytest.mark.parametrize("headers", [{}, {"x-csrf-token": ""}, {"x-csrf-token": "0" * 64}])
def test_an_act_by_session_needs_the_token_of_the_session(
    console: RunningConsole, browser: Open, headers: dict[str, str]
) -> None:
    maria, jo = browser(), browser()
    signed_in(console, maria)
    signed_in(console, jo)
    for each in (headers, csrf(jo)):
        check_problem(maria.call(*STOP, json={"reason": "x"}, headers=each), 403, "csrf_token_invalid")
    assert maria.call(*STOP, json={"reason": "x"}, headers=csrf(maria)).status_code == 200
    assert console.post("/sending/resume").status_code == 200


@pytest.mark.parametrize(
    "told",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example.com"},
        {"origin": "null"},
        {"origin": "http://localhost"},
    ],
)
def test_another_site_s_page_makes_nobody_act(console: RunningConsole, browser: Open, told: dict[str, str]) -> None:
    maria = browser()
    signed_in(console, maria)
    check_problem(maria.call(*STOP, json={"reason": "x"}, headers=csrf(maria) | told), 403, "origin_refused")
    _, link = invite(console)
    refused = maria.submit("/enter", {"code": link.partition("code=")[2]}, **told)
    assert refused.status_code == 403, "nor sign somebody in as another"
    assert maria.submit("/leave", {"csrf_token": csrf(maria)["x-csrf-token"]}, **told).status_code == 403
    assert browser().enter(link).status_code == 303


def test_a_form_of_which_nobody_says_where_it_is_from_is_refused(console: RunningConsole) -> None:
    _, link = invite(console)
    answer = console.client.post("/enter", data={"code": link.partition("code=")[2]})
    assert (answer.status_code, "origin_refused" in answer.text) == (403, True)


def test_a_token_goes_before_a_session(console: RunningConsole, browser: Open) -> None:
    """A program that happens to have a cookie is who its token says, and needs no token of a form."""
    maria = browser()
    signed_in(console, maria, Role.VIEWER)
    headers = {"authorization": f"Bearer {console.tokens[Role.ADMIN]}"}
    assert maria.call("GET", "/users", headers=headers).status_code == 200
    headers = {"authorization": "Bearer aac_made-up"}
    check_problem(maria.call("GET", "/sending", headers=headers), 401, "token_invalid")


def test_the_cookie_is_kept_from_scripts_other_sites_and_other_hosts(console: RunningConsole, browser: Open) -> None:
    local, public = browser(), browser(host="console.example.com", scheme="https")
    port = local.host.rpartition(":")[2]
    for each, name, secure in ((local, f"{COOKIE}_{port}", False), (public, HOST_COOKIE, True)):
        _, link = invite(console)
        cookie, *parts = each.enter(link).headers["set-cookie"].split("; ")
        assert cookie.startswith(f"{name}=")
        flags = {part.lower() for part in parts}
        assert {"httponly", "samesite=lax", "path=/"} <= flags
        assert ("secure" in flags) is secure
        assert not any(part.startswith("domain") for part in flags)


def test_a_cookie_by_the_plain_name_opens_nothing_but_at_loopback(console: RunningConsole, browser: Open) -> None:
    """Another host of the same domain can set a plain name for us, and never one that begins with __Host-."""
    maria, elsewhere = browser(), browser(host="console.example.com", scheme="https")
    signed_in(console, maria)
    [secret] = maria.cookies().values()
    for name in (COOKIE, f"{COOKIE}_443", *maria.cookies()):
        answer = elsewhere.call("GET", "/sending", headers={"cookie": f"{name}={secret}"})
        assert answer.status_code == 401
    assert elsewhere.call("GET", "/sending", headers={"cookie": f"{HOST_COOKIE}={secret}"}).status_code == 200


def test_a_page_that_others_can_read_uses_no_link_up(console: RunningConsole, browser: Open) -> None:
    _, link = invite(console)
    plain = browser(host="console.example.com", scheme="http").enter(link)
    assert (plain.status_code, "https_missing" in plain.text) == (403, True)
    assert browser().enter(link).status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example.com",
        "/\\evil.example.com",
        "https://evil.example.com",
        "/\t/evil.example.com",
        "/\n/evil.example.com",
        "\\\\evil.example.com",
        "javascript:alert(1)",
        "evil",
        "",
        "/" + "a" * 3000,
        "/a\r\nset-cookie: x=y",
        "/\u2044evil",
    ],
)
def test_nobody_is_led_to_another_site(console: RunningConsole, browser: Open, wanted: str) -> None:
    assert own_path(wanted) == "/"
    _, link = invite(console)
    assert browser().enter(link, to=wanted).headers["location"] == "/"


def test_the_page_shows_what_it_was_given_as_text(browser: Open) -> None:
    page = browser().open("/enter?code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&next=/%22%3E%3Cb%3E")
    assert "<script>" not in page.text  # its own scripts name a file
    assert "<b>" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"


def test_codes_are_guessed_no_faster_than_tokens(console: RunningConsole, browser: Open) -> None:
    guesses = console.app.state.refusals.guesses
    before, guesses.at_most = guesses.at_most, FAILED_AT_MOST
    try:
        answers = [browser().submit("/enter", {"code": f"made-up-{n}"}) for n in range(FAILED_AT_MOST + 1)]
    finally:
        guesses.at_most = before
    assert [answer.status_code for answer in answers][-1] == 429
    assert int(answers[-1].headers["retry-after"]) <= 60
    entry = console.audit("login.failed")[-1]
    assert entry.subject == "user"
    assert "made-up" not in str(entry.detail)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"code=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"code=%ff", "application/x-www-form-urlencoded", 400),
        (b"code=a%00", "application/x-www-form-urlencoded", 422),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(2000)), "application/x-www-form-urlencoded", 400),
        (b"code=x", "text/plain", 415),
        (b"", "application/x-www-form-urlencoded", 400),
    ],
)
def test_what_is_no_form_of_a_browser(browser: Open, content: bytes, kind: str, status: int) -> None:
    maria = browser()
    headers = {"origin": maria.origin, "content-type": kind}
    assert maria.client.post("/enter", content=content, headers=headers).status_code == status


def test_what_a_person_does_is_theirs_in_the_audit_and_under_the_key(console: RunningConsole, browser: Open) -> None:
    maria, jo = browser(), browser()
    name = signed_in(console, maria)
    signed_in(console, jo)
    key = {"idempotency-key": new_number()}
    answers = [maria.call(*STOP, json={"reason": "x"}, headers=csrf(maria) | key) for _ in range(2)]
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert console.audit("sending.stopped")[-1].actor == name
    other = jo.call(*STOP, json={"reason": "y"}, headers=csrf(jo) | key)
    assert "idempotency-replayed" not in other.headers, "another person's key is another key"
    assert console.post("/sending/resume").status_code == 200


def test_a_copy_of_the_database_opens_nothing(console: RunningConsole, browser: Open) -> None:
    maria = browser()
    _, link = invite(console)
    maria.enter(link)
    secrets = [link.partition("code=")[2], *maria.cookies().values()]
    with console.context.database.reading() as session:
        for table in ("sign_in_links", "user_sessions", "audit", "idempotency_keys"):
            rows = str(session.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608 - names of ours
            assert not any(secret in rows for secret in secrets), table
