"""A database and Secrets of the user's own: roles on the owner's login, on one each, back again, passwords changed."""

import base64
import json
import secrets
from typing import Any

import pytest

from tests.e2e.cluster.release import CHART, Release, run
from tests.e2e.cluster.test_install import STATEMENTS
from tests.e2e.cluster.test_refusals import unwell

COMPONENTS = {
    "beat": "beat",
    "campaignWorker": "campaign-worker",
    "console": "console",
    "operationsWorker": "operations-worker",
    "webhookIngress": "webhook-ingress",
    "webhookWorker": "webhook-worker",
}
SERVER = "stores-attackacrack-postgresql"
OWNER = "attackacrack"
SHARED: dict[str, Any] = {
    "autoscaling": {"mode": "none"},
    "flower": {"enabled": False},
    "bundled": {"jaeger": {"enabled": False}, "postgresql": {"enabled": False}},
    "secrets": {
        "database": {"existingSecret": "own-database", "keys": {"url": "the-owners"}},
        "provider": {"existingSecret": "own-keys", "keys": {"apiKey": "provider"}},
        "webhook": {"existingSecret": "own-keys", "keys": {"standard": "signing", "legacy": "older-signing"}},
    },
}
EACH_ITS_OWN = {"existingSecret": "own-database", "keys": {"url": "the-owners"} | COMPONENTS}
DIVIDED = SHARED | {"secrets": SHARED["secrets"] | {"database": EACH_ITS_OWN}}


@pytest.fixture(scope="module")
def installed(release: Release) -> Release:
    """A release whose roles all sign in as the owner of a database that the release doesn't know as its own."""
    password = secrets.token_hex(16)
    write(release, f"{SERVER}-password", {"password": password})
    shown = ("--namespace", release.namespace, "--show-only", "templates/bundled/postgresql.yaml")
    server = run("helm", "template", "stores", str(CHART), *shown)
    run("kubectl", "apply", "-f", "-", stdin=server)
    write(release, "own-database", {"the-owners": address(OWNER, password)})
    keys = {"signing": f"whsec_{signing_key()}", "older-signing": signing_key(), "provider": secrets.token_hex(16)}
    write(release, "own-keys", keys)
    release.install(values=SHARED)
    return release


def write(release: Release, name: str, content: dict[str, str]) -> None:
    """Make a Secret, or change these keys of it."""
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": content}
    run("kubectl", "-n", release.namespace, "apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))


def signing_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def address(user: str, password: str) -> str:
    return f"postgresql+psycopg://{user}:{password}@{SERVER}:5432/{OWNER}"


def as_owner(release: Release, script: str) -> None:
    psql = ("psql", "--username", OWNER, "--quiet", "--set", "ON_ERROR_STOP=1")
    run("kubectl", "-n", release.namespace, "exec", "-i", f"{SERVER}-0", "--", *psql, stdin=script)


def users(release: Release) -> set[str]:
    """Who the roles sign in as."""
    return {release.python(each, STATEMENTS).strip() for each in COMPONENTS.values()}


def login(component: str) -> str:
    return f"{OWNER}_{component.replace('-', '_')}"


LOGINS = {login(each) for each in COMPONENTS.values()}


def test_all_roles_on_the_owners_login(installed: Release) -> None:
    assert "Succeeded" in installed.helm_test()
    assert users(installed) == {OWNER}
    assert "owns the tables" in installed.execute("console", "attackacrack", "health", "--json")


def test_a_login_for_each_and_back_and_forth(installed: Release) -> None:
    """As the chart's README says: the printed script with passwords, the addresses, their keys; and a rollback."""
    script = installed.tell("schema", "grants")["sql"]
    passwords = {each: secrets.token_hex(16) for each in COMPONENTS.values()}
    for component, password in passwords.items():
        script = script.replace(
            f"\"{login(component)}\" LOGIN PASSWORD '?'", f"\"{login(component)}\" LOGIN PASSWORD '{password}'"
        )
    assert "'?'" not in script
    as_owner(installed, script)
    write(installed, "own-database", {each: address(login(each), passwords[each]) for each in COMPONENTS.values()})
    installed.install(values=DIVIDED)
    assert users(installed) == LOGINS
    assert "Succeeded" in installed.helm_test()
    assert not unwell(installed)

    installed.rollback(1)
    assert users(installed) == {OWNER}
    assert not unwell(installed)
    installed.rollback(2)
    assert users(installed) == LOGINS
    assert not unwell(installed)


def test_the_password_of_a_login_changes(installed: Release) -> None:
    password = secrets.token_hex(16)
    as_owner(installed, f"ALTER ROLE {login('beat')} PASSWORD '{password}'")
    write(installed, "own-database", {"beat": address(login("beat"), password)})
    installed.restart("deployment/attackacrack-beat")
    assert login("beat") in users(installed)
    assert not unwell(installed)
