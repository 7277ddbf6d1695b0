"""Without a single value: ready, tested, connected as the policies say, removed without a trace but what is kept."""

import base64
import json
import secrets
from typing import Any

import pytest
from kubernetes import client

from tests.chart.network_policy import Peer, allows
from tests.e2e.cluster.release import NAME, Release, eventually, run

CONNECT = """
import socket, sys
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        print(target, "yes")
    except OSError:
        print(target, "no")
"""
STATEMENTS = """
import sys
import psycopg
from services.core.runtime.settings import read_settings
url = read_settings().database_url.get_secret_value().replace("+psycopg", "")
with psycopg.connect(url, autocommit=True) as connection:
    print(connection.info.user)
    for statement in sys.argv[1:]:
        try:
            connection.execute(statement)
            print("done")
        except psycopg.Error as error:
            print(type(error).__name__)
"""
SIGN_IN = """
import json, sys
import psycopg
for login, password in json.loads(sys.argv[1]).items():
    try:
        psycopg.connect(
            host="attackacrack-postgresql", dbname="attackacrack", user=f"attackacrack_{login}", password=password
        ).close()
        print("yes")
    except psycopg.OperationalError as error:
        print("no" if "password authentication failed" in str(error) else error)
"""
OWN = ("SELECT id FROM inbox LIMIT 1", "SELECT count(*) FROM opt_outs")
FOREIGN = (
    "SELECT body FROM messages",
    "SELECT * FROM api_tokens",
    "DELETE FROM inbox",
    "TRUNCATE audit",
    "CREATE ROLE x",
)
TARGETS = {
    "webhook-ingress": 8080,
    "console": 8081,
    "flower": 5555,
    "provider-simulator": 8090,
    "postgresql": 5432,
    "valkey": 6379,
    "jaeger": 4318,
}
SOURCES = ("webhook-ingress", "console", "webhook-worker", "operations-worker", "beat", "flower", "provider-simulator")
KEPT = {"valkey-password", "postgresql-password", "postgresql-logins", "flower", "keda-redis", "provider", "webhook"}


@pytest.fixture(scope="module")
def installed(release: Release, figures: dict[str, object]) -> Release:
    figures["install to ready, seconds"] = round(release.install(), 1)
    return release


class TestInstall:
    def test_everything_is_ready_at_the_first_try(self, installed: Release) -> None:
        assert not installed.restarts()

    def test_helm_test_is_green(self, installed: Release) -> None:
        assert "Succeeded" in installed.helm_test()
        assert not installed.restarts()

    def test_the_release_is_healthy_by_its_own_word(self, installed: Release) -> None:
        installed.execute("console", "attackacrack", "health")

    def test_health_tells_the_consoles_pod_what_the_operations_worker_reads_of_the_cluster(
        self, installed: Release
    ) -> None:
        installed.tell("schedule", "run-now", "send_canaries")  # it makes a report, too

        def rollouts() -> dict[str, Any] | None:
            parts = {part["name"]: part for part in installed.tell("health")["parts"]}
            return parts.get("rollouts")

        eventually(lambda: rollouts() is not None, within=120, what="the rollouts are reported")
        found = rollouts()
        assert found is not None
        assert found["well"], found
        assert found["found"].endswith("deployments are complete")

    def test_every_pool_answers_and_every_queue_is_counted(self, installed: Release) -> None:
        pools = {"campaign", "webhook", "operations"}
        assert {worker["pool"] for worker in installed.tell("workers")["items"]} <= pools
        counted = installed.tell("queues")
        assert {queue["pool"] for queue in counted["queues"]} == pools

    def test_an_installation_that_is_repeated_changes_nothing(self, installed: Release) -> None:
        before = {pod.metadata.uid for pod in installed.pods()}
        installed.install()
        assert {pod.metadata.uid for pod in installed.pods()} >= before - pods_of_scaled_pools(before, installed)


class TestDatabase:
    """Each component has a login of its own, and may do with it what it needs."""

    def test_a_component_may_do_its_own_and_nothing_else(self, installed: Release) -> None:
        answers = installed.python("webhook-ingress", STATEMENTS, *OWN, *FOREIGN).splitlines()
        assert answers == [
            "attackacrack_webhook_ingress",
            *["done"] * len(OWN),
            *["InsufficientPrivilege"] * len(FOREIGN),
        ]

    def test_health_finds_nobody_who_signs_in_as_the_owner(self, installed: Release) -> None:
        assert "owns the tables" not in installed.execute("console", "attackacrack", "health", "--json")

    def test_every_logins_password_changes(self, installed: Release) -> None:
        """As the chart's README says: into their Secret, the migration anew, which sets them, a restart of all."""
        name, namespace = f"{NAME}-postgresql-logins", ("--namespace", installed.namespace)
        stored = run("kubectl", *namespace, "get", "secret", name, "--output", "jsonpath={.data.passwords}")
        old: dict[str, str] = json.loads(base64.b64decode(stored))
        new = {login: secrets.token_hex(16) for login in old}
        change = json.dumps({"stringData": {"passwords": json.dumps(new)}})
        run("kubectl", *namespace, "patch", "secret", name, "--patch", change)
        run("kubectl", *namespace, "delete", "jobs", "--all", "--wait")
        installed.install()
        installed.restart(*run("kubectl", *namespace, "get", "deployments", "--output", "name").split())
        assert signing_in(installed, old) == dict.fromkeys(old, "no")
        assert signing_in(installed, new) == dict.fromkeys(new, "yes")
        installed.execute("console", "attackacrack", "health")


class TestPolicies:
    def test_what_is_denied_is_denied_and_what_is_needed_works(self, installed: Release) -> None:
        """Tried from inside the pods, and compared with what the policies say."""
        policies = client.NetworkingV1Api().list_namespaced_network_policy(installed.namespace)
        api: Any = client.ApiClient()
        serialised: dict[str, Any] = api.sanitize_for_serialization(policies)
        addresses = {name: installed.pods(name)[0].status.pod_ip for name in TARGETS}
        for source in SOURCES:
            targets = {name: f"{addresses[name]}:{port}" for name, port in TARGETS.items() if name != source}
            said = installed.python(source, CONNECT, *targets.values()).splitlines()
            seen = {line.split()[0]: line.split()[1] == "yes" for line in said}
            for name, target in targets.items():
                expected = allows(
                    serialised["items"], peer(installed, source), peer(installed, name), port=TARGETS[name]
                )
                assert seen[target] is expected, f"{source} to {name}"


class TestUninstall:
    def test_only_what_is_kept_is_left_and_serves_the_next_installation(self, installed: Release) -> None:
        before = installed.execute("console", "attackacrack", "campaigns", "list", "--json")
        installed.uninstall()
        core: Any = client.CoreV1Api()
        eventually(lambda: not installed.pods(), within=120, what="all pods are gone")
        left = {secret.metadata.name for secret in core.list_namespaced_secret(installed.namespace).items}
        assert left == {f"{NAME}-{name}" for name in KEPT}
        claims = core.list_namespaced_persistent_volume_claim(installed.namespace).items
        assert {claim.metadata.name for claim in claims} == {
            f"data-{NAME}-{name}-0" for name in ("postgresql", "valkey", "provider-simulator")
        }
        for kind in ("deployments", "statefulsets", "services", "networkpolicies", "roles", "poddisruptionbudgets"):
            assert not run("kubectl", "-n", installed.namespace, "get", kind, "-o", "name").strip(), kind
        installed.install()
        assert installed.execute("console", "attackacrack", "campaigns", "list", "--json") == before


def signing_in(release: Release, passwords: dict[str, str]) -> dict[str, str]:
    """Whether each login is let in with its password: yes, or no."""
    said = release.python("console", SIGN_IN, json.dumps(passwords)).splitlines()
    return dict(zip(passwords, said, strict=True))


def peer(release: Release, component: str) -> Peer:
    return Peer(release.pods(component)[0].metadata.labels, namespace=release.namespace)


def pods_of_scaled_pools(uids: set[str], release: Release) -> set[str]:
    """Campaign workers come and go by themselves."""
    return uids - {pod.metadata.uid for pod in release.pods() if "campaign-worker" not in pod.metadata.name}
