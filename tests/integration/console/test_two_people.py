"""What needs two people: two tokens of two persons, both known for a day; nobody alone passes for two."""

import hmac
from datetime import timedelta
from functools import partial
from hashlib import sha256

import httpx
import pytest
from sqlalchemy import text

from services.core.domain.access import Role
from services.core.domain.messages import MessageStatus
from services.core.storage import clock, releases, tokens
from services.core.usecases.messages.held import release as releasing
from tests.integration.console.acts import add_message, new_number
from tests.integration.console.conftest import RunningConsole
from tests.integration.console.test_at_once import at_once
from tests.integration.console.test_bad_input import check_problem
from tests.tools.browser import Browser
from tests.tools.rows import warm_limiter


@pytest.fixture(scope="module", autouse=True)
def stack_that_runs(console: RunningConsole) -> None:
    warm_limiter(console.context)


@pytest.fixture
def room(console: RunningConsole, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many more may be released by one person alone."""
    room = 3
    with console.context.database.reading() as session:
        done = releases.count(session, since=clock.product_now(session) - timedelta(days=1))
    monkeypatch.setattr(releasing, "SECOND_PERSON_ABOVE", done + room)
    return room


def make(console: RunningConsole, person: str | None, *, role: Role = Role.OPERATOR, hours_ago: float = 25) -> str:
    """A token that was made so long ago, for a person who is named; else for one of its own name."""
    name = f"token {new_number()}"
    with console.context.database.transaction() as session:
        token = tokens.create(session, name=name, role=role, person=person)
        row = tokens.find_named(session, name)
        assert row is not None
        row.created_at = clock.real_now(session) - timedelta(hours=hours_ago)
    return token


def release(console: RunningConsole, token: str, *, second: str | None = None) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    if second is not None:
        headers["second-authorization"] = f"Bearer {second}"
    path = f"/held/{add_message(console, MessageStatus.HELD)}/release"
    return console.post(path, role=None, headers=headers, json={"reason": "asked her"})


def by_session(console: RunningConsole, name: str, *, hours_ago: float = 25) -> tuple[Browser, dict[str, str]]:
    """A browser in which a person, an operator, has been signed in for so long, and what its forms hold."""
    link = console.post("/users", json={"name": name, "role": "operator"}).json()["link"]
    browser = Browser(str(console.client.base_url))
    assert browser.enter(link).status_code == 303
    with console.context.database.transaction() as session:
        session.execute(
            text("UPDATE user_sessions SET created_at = created_at - :ago WHERE user_id = (SELECT max(id) FROM users)"),
            {"ago": timedelta(hours=hours_ago)},
        )
    [secret] = browser.cookies().values()
    return browser, {"x-csrf-token": hmac.new(secret.encode(), b"csrf", sha256).hexdigest()}


def test_two_who_are_signed_in(console: RunningConsole, room: int) -> None:
    """One makes a code, which is good once and for nobody's own act, and ends with their session."""
    use_up(console, room, make(console, "Ann"))
    (maria, hers), (jo, his) = (by_session(console, f"{name} {new_number()}") for name in ("Maria", "Jo"))

    def code_of(browser: Browser, headers: dict[str, str]) -> str:
        made = browser.call("POST", "/users/agree", headers=headers)
        assert made.status_code == 201, made.text
        return str(made.json()["code"])

    def release_with(code: str) -> httpx.Response:
        path = f"/held/{add_message(console, MessageStatus.HELD)}/release"
        headers = hers | {"second-authorization": f"Code {code}"}
        return maria.call("POST", path, headers=headers, json={"reason": "asked her"})

    code = code_of(jo, his)
    assert release_with(code).json()["status"] == "pending"
    assert console.audit(releases.ACT)[-1].detail["second"].startswith("Jo ")
    check_problem(release_with(code), 401, "token_invalid")
    check_problem(release_with("made-up"), 401, "token_invalid")
    check_problem(release_with(code_of(maria, hers)), 403, "second_person_refused")
    old = code_of(jo, his)
    with console.context.database.transaction() as session:
        session.execute(text("UPDATE agreements SET created_at = now() - interval '1 day', expires_at = now()"))
    check_problem(release_with(old), 401, "token_invalid")
    left = code_of(jo, his)
    assert jo.submit("/leave", {"csrf_token": his["x-csrf-token"]}).status_code == 303
    check_problem(release_with(left), 401, "token_invalid")
    for browser in (maria, jo):
        browser.close()


def test_a_code_of_who_signed_in_a_moment_ago_proves_nobody(console: RunningConsole, room: int) -> None:
    use_up(console, room, maria := make(console, "Maria"))
    jo, his = by_session(console, f"Jo {new_number()}", hours_ago=23.9)
    code = jo.call("POST", "/users/agree", headers=his).json()["code"]
    jo.close()
    path = f"/held/{add_message(console, MessageStatus.HELD)}/release"
    headers = {"authorization": f"Bearer {maria}", "second-authorization": f"Code {code}"}
    check_problem(console.post(path, role=None, headers=headers, json={"reason": "x"}), 403, "token_too_new")


@pytest.mark.parametrize(("known_for", "code"), [(25, None), (23.9, "token_too_new")])
def test_a_password_that_was_known_for_a_day_proves_a_person_at_once(
    console: RunningConsole, room: int, known_for: float, code: str | None
) -> None:
    """Nobody else makes one for them, as an admin makes links."""
    use_up(console, room, make(console, "Ann"))
    browser, headers = by_session(console, f"Maria {new_number()}", hours_ago=0)
    with console.context.database.transaction() as session:
        for statement in (
            "UPDATE user_sessions SET method = 'password' WHERE user_id = (SELECT max(id) FROM users)",
            "INSERT INTO user_passwords (user_id, password_hash, totp_secret, confirmed_at)"
            " SELECT max(id), 'x', 'x', now() - :ago FROM users",
        ):
            session.execute(text(statement), {"ago": timedelta(hours=known_for)} if ":ago" in statement else {})
    path = f"/held/{add_message(console, MessageStatus.HELD)}/release"
    headers |= {"second-authorization": f"Bearer {make(console, 'Jo')}"}
    answer = browser.call("POST", path, headers=headers, json={"reason": "asked her"})
    browser.close()
    if code is None:
        assert answer.json()["status"] == "pending"
    else:
        check_problem(answer, 403, code)


@pytest.mark.parametrize(
    ("hours_ago", "person", "code"),
    [(25, "Jo", None), (25, "{name}", "second_person_refused"), (23.9, "Jo", "token_too_new")],
    ids=["another person", "a token of the same person", "signed in a moment ago"],
)
def test_one_who_is_signed_in_needs_another_person_too(
    console: RunningConsole, room: int, hours_ago: float, person: str, code: str | None
) -> None:
    use_up(console, room, make(console, "Ann"))
    name = f"Maria {new_number()}"
    browser, headers = by_session(console, name, hours_ago=hours_ago)
    second = make(console, person.format(name=name.upper()))
    path = f"/held/{add_message(console, MessageStatus.HELD)}/release"
    headers |= {"second-authorization": f"Bearer {second}"}
    answer = browser.call("POST", path, headers=headers, json={"reason": "asked her"})
    browser.close()
    if code is None:
        assert answer.json()["status"] == "pending"
        assert console.audit(releases.ACT)[-1].actor == name
    else:
        check_problem(answer, 403, code)


def use_up(console: RunningConsole, room: int, token: str) -> None:
    for _ in range(room):
        assert release(console, token).status_code == 200


def test_two_persons_with_a_token_each(console: RunningConsole, room: int) -> None:
    maria = make(console, "Maria")
    use_up(console, room, maria)
    check_problem(release(console, maria), 409, "second_person_missing", "/second")
    assert release(console, maria, second=make(console, "Jo")).json()["status"] == "pending"
    assert console.audit(releases.ACT)[-1].detail["second"] == "Jo"


@pytest.mark.parametrize("person", ["Maria", "maria ", "\uff2d\uff41\uff52\uff49\uff41"])
def test_another_token_of_the_same_person_is_no_second(console: RunningConsole, room: int, person: str) -> None:
    maria = make(console, "Maria")
    use_up(console, room, maria)
    check_problem(release(console, maria, second=maria), 403, "second_person_refused")
    check_problem(release(console, maria, second=make(console, person)), 403, "second_person_refused")


def test_one_who_may_only_read_agrees_to_nothing(console: RunningConsole, room: int) -> None:
    use_up(console, room, maria := make(console, "Maria"))
    second = make(console, "Jo", role=Role.VIEWER)
    check_problem(release(console, maria, second=second), 403, "second_person_refused")


def test_a_person_whom_an_admin_has_just_invented_is_nobody(console: RunningConsole, room: int) -> None:
    """Neither as the one who agrees nor as the one who acts, however they were made."""
    maria = make(console, "Maria", role=Role.ADMIN)
    use_up(console, room, maria)
    headers = {"authorization": f"Bearer {maria}"}
    body = {"name": new_number(), "person": "Jo", "role": "operator"}
    made = console.post("/tokens", role=None, headers=headers, json=body).json()
    assert made["person"] == "Jo"
    for own, second in ((maria, made["token"]), (made["token"], maria)):
        check_problem(release(console, own, second=second), 403, "token_too_new")
    check_problem(release(console, maria, second=make(console, "Jo", hours_ago=23.9)), 403, "token_too_new")


def test_who_has_many_tokens_may_release_no_more(console: RunningConsole, room: int) -> None:
    use_up(console, room, make(console, "Maria"))
    for person in ("Maria", "Invented", None):
        check_problem(release(console, make(console, person, hours_ago=0)), 409, "second_person_missing")


def test_many_at_once_are_no_more_than_one_by_one(console: RunningConsole, room: int) -> None:
    maria = make(console, "Maria")
    answers = at_once(*[partial(release, console, maria)] * (room + 3))
    assert sorted(answer.status_code for answer in answers) == [200] * room + [409] * 3


def test_tokens_say_whose_they_are(console: RunningConsole) -> None:
    name = new_number()
    console.post("/tokens", json={"name": name, "role": "viewer"})
    persons = {token["name"]: token["person"] for token in console.get("/tokens").json()["items"]}
    assert persons[name] == name, "a token without a person is the one's whom its name names"
    refused = console.post("/tokens", json={"name": new_number(), "person": " ", "role": "viewer"})
    check_problem(refused, 422, "name_invalid", "/person")
