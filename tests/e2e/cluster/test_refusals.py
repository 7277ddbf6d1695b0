"""What is set wrong shows as what it is: in the pod's state, in its log, and in the health of those that still run."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.cluster.release import CommandFailed, Release, eventually, run

ROLE = "webhook-worker"
DEPLOYMENT = f"deployment/attackacrack-{ROLE}"
VALUES: dict[str, Any] = {
    "autoscaling": {"mode": "none"},
    "flower": {"enabled": False},
    "bundled": {"jaeger": {"enabled": False}},
}


@pytest.fixture(scope="module", autouse=True)
def installed(release: Release) -> Release:
    release.install()
    return release


def new_pod_says(release: Release, words: str) -> None:
    """A pod of the role that is begun now waits or fails, its log has the words, and the old one goes on."""
    run("kubectl", "-n", release.namespace, "rollout", "restart", DEPLOYMENT)

    def says() -> bool:
        for pod in release.pods(ROLE):
            if any(status.ready for status in pod.status.container_statuses or []):
                continue
            for container in ("wait-for-schema", ROLE):
                try:
                    log = run("kubectl", "-n", release.namespace, "logs", pod.metadata.name, "-c", container)
                except CommandFailed:
                    continue  # not begun yet
                if words in log:
                    return True
        return False

    eventually(says, within=120, what=f"a new pod's log says {words!r}")
    ready = [pod for pod in release.pods(ROLE) if all(status.ready for status in pod.status.container_statuses or [])]
    assert ready


def unwell(release: Release) -> dict[str, str]:
    """The parts of the health report that aren't well, with what was found."""
    text = release.execute("console", "sh", "-c", "attackacrack health --json || true")  # it ends with 1 when unwell
    return {part["name"]: part["found"] for part in json.loads(text)["parts"] if not part["well"]}


def database_url(release: Release) -> str:
    secret = json.loads(run("kubectl", "-n", release.namespace, "get", "secret", "attackacrack-database", "-o", "json"))
    return base64.b64decode(secret["data"][ROLE]).decode()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda url: url.replace("worker:", "worker:x"), "user and password are not accepted"),
        (lambda url: url.replace("-postgresql:5432", "-nowhere:5432"), "resolve host"),
        (lambda _url: "mysql://x", "ATTACKACRACK_DATABASE_URL"),
    ],
    ids=["wrong password", "no such host", "no address of PostgreSQL"],
)
def test_a_wrong_secret(installed: Release, spoil: Callable[[str], str], words: str) -> None:
    right = database_url(installed)
    change(installed, spoil(right))
    try:
        new_pod_says(installed, words)
    finally:
        change(installed, right)


def test_a_schema_too_new(installed: Release) -> None:
    tables = (("alembic_version", "version_num"), ("schema_compatibility", "min_compatible"))
    before = [sql(installed, f"SELECT {column} FROM {table}").strip() for table, column in tables]  # noqa: S608

    def write(revisions: list[str]) -> None:
        for (table, column), revision in zip(tables, revisions, strict=True):
            sql(installed, f"UPDATE {table} SET {column} = '{revision}'")  # noqa: S608

    write(["9999", "9999"])
    try:
        new_pod_says(installed, "revision 9999, which this release cannot use")
    finally:
        write(before)


def test_stores_that_are_away(installed: Release) -> None:
    installed.scale("statefulset", "valkey", 0)
    eventually(lambda: "redis" in unwell(installed), within=60, what="health names Redis")
    installed.scale("statefulset", "valkey", 1)
    installed.scale("statefulset", "postgresql", 0)
    eventually(lambda: "database" in unwell(installed), within=60, what="health names the database")
    installed.scale("statefulset", "postgresql", 1)
    eventually(lambda: not unwell(installed), within=240, what="everything is well again")
    assert not {name: count for name, count in installed.restarts().items() if ROLE not in name}


def test_a_volume_that_would_have_to_grow(installed: Release) -> None:
    """The API server's own refusal comes when half of the upgrade is made."""
    larger = {**VALUES, "bundled": {**VALUES["bundled"], "postgresql": {"storage": {"size": "5Gi"}}}}
    with pytest.raises(CommandFailed, match=r"bundled\.postgresql\.storage\.size: the volume is there with 2Gi"):
        installed.install(values=larger)


def test_the_job_of_an_upgrade_that_was_broken_off(installed: Release) -> None:
    """No release knows it any more, so nothing but its own time to live takes it away."""
    jobs = json.loads(run("kubectl", "-n", installed.namespace, "get", "jobs", "-o", "json"))["items"]
    assert [job["spec"]["ttlSecondsAfterFinished"] for job in jobs] == [86_400]


def change(release: Release, url: str) -> None:
    patch = json.dumps({"stringData": {ROLE: url}})
    run("kubectl", "-n", release.namespace, "patch", "secret", "attackacrack-database", "--patch", patch)


def sql(release: Release, statement: str) -> str:
    options = ("--username", "attackacrack", "--quiet", "--no-align", "--tuples-only", "--command")
    return release.execute("postgresql", "psql", *options, statement)
