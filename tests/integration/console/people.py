"""People at their browsers: invited, signed in, and made to be older than they are."""

import hmac
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import text

from services.core.domain.access import Role
from tests.integration.console.acts import new_number
from tests.integration.console.conftest import RunningConsole
from tests.tools.browser import Browser


def invite(console: RunningConsole, role: Role = Role.OPERATOR) -> tuple[str, str]:
    """A new person's name, and their link."""
    name = f"user {new_number()}"
    made = console.post("/users", json={"name": name, "role": role})
    assert made.status_code == 201, made.text
    return name, made.json()["link"]


def signed_in(console: RunningConsole, browser: Browser, role: Role = Role.OPERATOR) -> str:
    name, link = invite(console, role)
    assert browser.enter(link).status_code == 303
    return name


def csrf(browser: Browser) -> dict[str, str]:
    """The header of a script's call; a form has its value in a field."""
    [secret] = browser.cookies().values()
    return {"x-csrf-token": hmac.new(secret.encode(), b"csrf", sha256).hexdigest()}


def age(console: RunningConsole, name: str, table: str, column: str, by: timedelta) -> None:
    with console.context.database.transaction() as session:
        session.execute(
            text(
                f"UPDATE {table} SET {column} = {column} - :by"  # noqa: S608 - names of ours
                " WHERE user_id = (SELECT id FROM users WHERE name = :name)"
            ),
            {"by": by, "name": name},
        )
