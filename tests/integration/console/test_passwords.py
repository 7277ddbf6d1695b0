"""A password with an authenticator: what lets a person in, once a code, and what no guess and no copy does."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import httpx
import pyotp
import pytest
from sqlalchemy import text

from services.core.domain.access import Role
from services.core.domain.guesses import FAILED_AT_MOST, Guesses
from services.core.domain.sign_in import FAILED_CODES_AT_MOST, FRESH, RECOVERY_CODES
from tests.integration.console.conftest import Open, RunningConsole
from tests.integration.console.people import age, csrf, invite, signed_in
from tests.tools.browser import Browser

PASSWORD = "correct horse battery"
ADMIN_ACT = ("POST", "/sending/resume")


@pytest.fixture(autouse=True)
def patient(console: RunningConsole) -> Iterator[None]:
    """The brake of accounts is new in each test."""
    console.app.state.refusals.accounts = Guesses()
    yield
    console.app.state.refusals.accounts = Guesses()


def form(browser: Browser, **fields: str) -> dict[str, str]:
    return {"csrf_token": csrf(browser)["x-csrf-token"], **fields}


def choose(browser: Browser, password: str = PASSWORD) -> str:
    """Choose a password; answers the authenticator's secret."""
    answer = browser.submit("/account/password", form(browser, password=password, repeated=password))
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/authenticator"), answer.text
    shown = re.search(r"<code>([A-Z2-7]{32})</code>", browser.open("/account/authenticator").text)
    assert shown is not None
    return shown[1]


def enrol(console: RunningConsole, browser: Browser, role: Role = Role.OPERATOR) -> tuple[str, str, list[str]]:
    """A person who signs in by a password from now on: the name, the authenticator's secret, the recovery codes."""
    name = signed_in(console, browser, role)
    secret = choose(browser)
    answer = browser.submit("/account/authenticator", form(browser, code=pyotp.TOTP(secret).now()))
    assert answer.status_code == 200, answer.text
    codes = re.findall(r"<code>([0-9a-f-]+)</code>", answer.text)
    assert len(codes) == RECOVERY_CODES
    forget_step(console, name)
    return name, secret, codes


def forget_step(console: RunningConsole, name: str) -> None:
    """As if half a minute had passed since the last code."""
    with console.context.database.transaction() as session:
        session.execute(
            text(
                "UPDATE user_passwords SET last_step = NULL WHERE user_id = (SELECT id FROM users WHERE name = :name)"
            ),
            {"name": name},
        )


def enter(browser: Browser, name: str, password: str, code: str) -> httpx.Response:
    return browser.submit("/enter/password", {"name": name, "password": password, "code": code, "next": "/account"})


def test_a_person_signs_in_by_password_and_code(console: RunningConsole, browser: Open) -> None:
    name, secret, _ = enrol(console, browser())
    for spelling in (name, name.upper()):
        forget_step(console, name)
        maria = browser()
        answer = enter(maria, spelling, PASSWORD, pyotp.TOTP(secret).now())
        assert (answer.status_code, answer.headers["location"]) == (303, "/account")
        assert maria.call("GET", "/sending").status_code == 200
    assert console.audit("user.entered")[-1].detail == {"by": "password"}


def test_nobody_gets_in_by_one_of_the_two(console: RunningConsole, browser: Open) -> None:
    name, secret, _ = enrol(console, browser())
    right = pyotp.TOTP(secret).now()
    wrong = f"{(int(right) + 500_000) % 1_000_000:06}"
    said = set()
    for password, code in (("wrong", right), (PASSWORD, wrong), (PASSWORD, ""), ("", right), (PASSWORD, secret)):
        answer = enter(browser(), name, password, code)
        assert answer.status_code == 403
        said.add(answer.text)
    said.add(enter(browser(), "nobody", PASSWORD, right).text)
    assert len(said) == 1, "what was wrong is not told"
    assert enter(browser(), name, PASSWORD, right).status_code == 303


def test_a_code_is_good_once(console: RunningConsole, browser: Open) -> None:
    """Whoever looked over a shoulder comes too late, also at the same moment."""
    name, secret, _ = enrol(console, browser())
    code, barrier, opened = pyotp.TOTP(secret).now(), Barrier(4), [browser() for _ in range(4)]

    def press(each: Browser) -> httpx.Response:
        barrier.wait()
        return enter(each, name, PASSWORD, code)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(press, opened))
    assert sorted(answer.status_code for answer in answers) == [303, 403, 403, 403]


def test_a_recovery_code_is_good_once(console: RunningConsole, browser: Open) -> None:
    name, _, codes = enrol(console, browser())
    maria = browser()
    typed = f" {codes[0].upper().replace('-', ' ')} "
    assert enter(maria, name, PASSWORD, typed).status_code == 303
    assert enter(browser(), name, PASSWORD, codes[0]).status_code == 403
    assert f"{RECOVERY_CODES - 1} recovery codes" in maria.open("/account").text
    other, _, _ = enrol(console, browser())
    assert enter(browser(), other, PASSWORD, codes[1]).status_code == 403, "another person's code"


def test_who_knows_the_password_guesses_no_codes(console: RunningConsole, browser: Open) -> None:
    """Ten wrong codes, however slowly, and it takes a new link; a right one before begins anew."""
    name, secret, _ = enrol(console, browser())
    for _ in range(FAILED_CODES_AT_MOST - 1):
        console.app.state.refusals.accounts = Guesses()
        assert enter(browser(), name, PASSWORD, "").status_code == 403
    assert enter(browser(), name, PASSWORD, pyotp.TOTP(secret).now()).status_code == 303
    for _ in range(FAILED_CODES_AT_MOST):
        console.app.state.refusals.accounts = Guesses()
        assert enter(browser(), name, PASSWORD, "").status_code == 403
    forget_step(console, name)
    console.app.state.refusals.accounts = Guesses()
    refused = enter(browser(), name, PASSWORD, pyotp.TOTP(secret).now())
    assert refused.status_code == 403
    assert "users link" in refused.text
    maria = browser()
    maria.enter(console.post(f"/users/{name}/link").json()["link"])
    secret = choose(maria)
    assert maria.submit("/account/authenticator", form(maria, code=pyotp.TOTP(secret).now())).status_code == 200
    forget_step(console, name)
    assert enter(browser(), name, PASSWORD, pyotp.TOTP(secret).now()).status_code == 303


def test_a_password_is_guessed_no_faster_from_many_addresses(console: RunningConsole, browser: Open) -> None:
    name, secret, _ = enrol(console, browser())
    refusals = console.app.state.refusals
    for spelling in [name, name.upper()] * (FAILED_AT_MOST // 2):
        assert enter(browser(), spelling, "guess", "000000").status_code == 403
    answer = enter(browser(), name, PASSWORD, pyotp.TOTP(secret).now())
    assert answer.status_code == 429, "the right one is not compared either"
    assert int(answer.headers["retry-after"]) <= 60
    other, secret, _ = enrol(console, browser())
    assert enter(browser(), other, PASSWORD, pyotp.TOTP(secret).now()).status_code == 303, "nobody else waits"
    refusals.settle(at_end=True)
    entry = console.audit("login.failed")[-1]
    assert entry.subject == "user"
    assert "guess" not in str(entry.detail)


def test_a_new_password_ends_what_others_have(console: RunningConsole, browser: Open) -> None:
    maria, thief = browser(), browser()
    name = signed_in(console, maria)
    link = console.post(f"/users/{name}/link").json()["link"]
    thief.enter(console.post(f"/users/{name}/link").json()["link"])
    assert thief.call("GET", "/sending").status_code == 200
    secret = choose(maria)
    assert thief.call("GET", "/sending").status_code == 200, "not before it is confirmed"
    assert maria.submit("/account/authenticator", form(maria, code=pyotp.TOTP(secret).now())).status_code == 200
    assert thief.call("GET", "/sending").status_code == 401
    assert browser().enter(link).status_code == 403
    assert maria.call("GET", "/sending").status_code == 200


def test_what_is_not_confirmed_changes_nothing(console: RunningConsole, browser: Open) -> None:
    maria = browser()
    name, secret, _ = enrol(console, maria)
    other = choose(maria, "another password of hers")
    wrong = maria.submit("/account/authenticator", form(maria, code="000000"))
    assert wrong.status_code == 422
    assert enter(browser(), name, "another password of hers", pyotp.TOTP(other).now()).status_code == 403
    assert enter(browser(), name, PASSWORD, pyotp.TOTP(secret).now()).status_code == 303


def test_the_old_password_ends_with_the_new(console: RunningConsole, browser: Open) -> None:
    maria = browser()
    name, old, codes = enrol(console, maria)
    new = choose(maria, "another password of hers")
    assert maria.submit("/account/authenticator", form(maria, code=pyotp.TOTP(new).now())).status_code == 200
    forget_step(console, name)
    for code in (pyotp.TOTP(old).now(), pyotp.TOTP(new).now(), codes[0]):
        assert enter(browser(), name, PASSWORD, code).status_code == 403
    assert enter(browser(), name, "another password of hers", codes[0]).status_code == 403, "nor an old code"
    assert enter(browser(), name, "another password of hers", pyotp.TOTP(new).now()).status_code == 303


@pytest.mark.parametrize(
    ("password", "repeated"),
    [("short", "short"), ("x" * 201, "x" * 201), (PASSWORD, "other"), ("", ""), ("{name}", "{name}")],
)
def test_a_password_that_is_none(console: RunningConsole, browser: Open, password: str, repeated: str) -> None:
    maria = browser()
    name = signed_in(console, maria)
    fields = form(maria, password=password.format(name=name.upper()), repeated=repeated.format(name=name.upper()))
    answer = maria.submit("/account/password", fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert maria.open("/account/authenticator").status_code == 303, "nothing was chosen"


@pytest.mark.parametrize("path", ["/account/password", "/account/authenticator", "/account/end-session"])
@pytest.mark.parametrize("told", [{}, {"origin": "https://evil.example.com"}, {"sec_fetch_site": "cross-site"}])
def test_another_site_s_page_changes_no_account(
    console: RunningConsole, browser: Open, path: str, told: dict[str, str]
) -> None:
    maria, jo = browser(), browser()
    signed_in(console, maria)
    signed_in(console, jo)
    given = form(jo) if not told else form(maria)
    assert maria.submit(path, given, **told).status_code == 403
    assert browser().submit(path, {}).headers["location"].startswith("/enter?next=")


@pytest.mark.parametrize(
    "act",
    [
        lambda maria: maria.call(*ADMIN_ACT, headers=csrf(maria)),
        lambda maria: maria.submit("/account/password", form(maria, password=PASSWORD, repeated=PASSWORD)),
        lambda maria: maria.open("/account/authenticator"),
    ],
    ids=["an admin's act", "a new password", "the authenticator"],
)
def test_a_browser_that_was_left_open_does_nothing_grave(
    console: RunningConsole, browser: Open, act: Callable[[Browser], httpx.Response]
) -> None:
    maria = browser()
    name, secret, _ = enrol(console, maria, Role.ADMIN)
    age(console, name, "user_sessions", "created_at", FRESH - timedelta(minutes=1))
    assert act(maria).status_code != 403
    age(console, name, "user_sessions", "created_at", timedelta(minutes=1))
    refused = act(maria)
    assert refused.status_code == 403
    assert "/enter?again=1" in refused.text
    assert maria.call("GET", "/users").status_code == 200, "looking is no act"
    assert maria.open("/enter?again=1").status_code == 200
    assert enter(maria, name, PASSWORD, pyotp.TOTP(secret).now()).status_code == 303
    assert act(maria).status_code != 403


def test_a_person_ends_their_own_sessions_alone(console: RunningConsole, browser: Open) -> None:
    maria, second, jo = browser(), browser(), browser()
    name, other = signed_in(console, maria), signed_in(console, jo)
    second.enter(console.post(f"/users/{name}/link").json()["link"])
    [newest, _] = console.get(f"/users/{name}/sessions").json()["items"]
    [his] = console.get(f"/users/{other}/sessions").json()["items"]
    assert maria.submit("/account/end-session", form(maria, session_id=str(his["session_id"]))).status_code == 404
    for wrong in ("", "x", "-1", "9" * 30, "\u0663"):
        assert maria.submit("/account/end-session", form(maria, session_id=wrong)).status_code == 422
    assert maria.submit("/account/end-session", form(maria, session_id=str(newest["session_id"]))).status_code == 303
    assert second.call("GET", "/sending").status_code == 401
    assert jo.call("GET", "/sending").status_code == 200


def test_what_a_browser_calls_itself_is_shown_as_text(console: RunningConsole, browser: Open) -> None:
    maria = browser()
    _, link = invite(console)
    code = link.partition("code=")[2]
    maria.submit("/enter", {"code": code}, user_agent="<script>alert(1)</script>")
    page = maria.open("/account")
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_a_copy_of_the_database_tells_no_password_and_no_recovery_code(console: RunningConsole, browser: Open) -> None:
    _, _, codes = enrol(console, browser())
    with console.context.database.reading() as session:
        for table in ("user_passwords", "recovery_codes", "user_sessions", "audit"):
            rows = str(session.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608 - names of ours
            assert not any(secret in rows for secret in (PASSWORD, *codes)), table
        hashed = session.scalar(text("SELECT password_hash FROM user_passwords ORDER BY id DESC LIMIT 1"))
    assert str(hashed).startswith("$argon2id$")
