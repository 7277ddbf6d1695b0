"""Upgrades, rollbacks and new secrets while webhooks arrive and texts leave: nothing is lost, nothing comes twice."""

import base64
import json
import os
import secrets

import pytest

from tests.e2e.cluster.release import ROOT, Release, run
from tests.e2e.cluster.test_scaling import finish, judge, send

RATE = os.environ.get("E2E_RATE", "20")
SECONDS = os.environ.get("E2E_SECONDS", "150")
TEXTS = int(os.environ.get("E2E_TEXTS", "5000")) // 5
LOAD = (ROOT / "k8s" / "load.py").read_text()
URL = "http://attackacrack-webhook-ingress/webhooks/openphone"
VALUES = {
    "webhookIngress": {"replicas": 2},
    "provider": {"rate": 20},
    "config": {"numberDailyCap": 100_000, "accountDailyCap": 100_000, "guardAfter": 100_000},
    "simulator": {"rate": 1000, "timeFactor": 10},
}
GENERATED = (
    ("postgresql-password", "password"),
    ("valkey-password", "password"),
    ("keda-redis", "password"),
    ("provider", "api-key"),
    ("flower", "password"),
)
FORGIVEN = {"200", "503"}  # 503 says: not stored, send it again
NOT_CONNECTED = {"ConnectError", "ConnectTimeout", "RemoteProtocolError", "ReadError"}


@pytest.fixture(scope="module", autouse=True)
def installed(release: Release) -> Release:
    release.install()
    return release


def test_upgrade_and_rollback_under_load(installed: Release, figures: dict[str, object]) -> None:
    planned = send(installed, "212700", TEXTS)
    with installed.pod_running("load", LOAD, URL, RATE, SECONDS) as load:
        load.wait_until_begun()
        installed.install(values={**VALUES, "config": {**VALUES["config"], "logLevel": "DEBUG"}})
        installed.rollback(1)
        report = load.result(within=900)
    figures["webhooks during an upgrade and a rollback"] = json.dumps(report)
    assert report["lost"] == 0
    assert report["answers"].keys() <= FORGIVEN | NOT_CONNECTED
    figures["texts in doubt after an upgrade and a rollback"] = finish(installed, "212700", planned)
    assert judge(installed, "212700", planned) == (0, 0)


def sign_by(release: Release, keys: str) -> None:
    change = json.dumps({"stringData": {"standard": keys}})
    run("kubectl", "-n", release.namespace, "patch", "secret", "attackacrack-webhook", "--patch", change)
    release.restart("deployment/attackacrack-webhook-ingress", "deployment/attackacrack-operations-worker")


def test_the_signing_key_changes_under_load(installed: Release, figures: dict[str, object]) -> None:
    """As the chart's README says: new and old beside each other, the provider takes the new one, the old one goes."""
    stored = ("secret", "attackacrack-webhook", "--output", "jsonpath={.data.standard}")
    old = base64.b64decode(run("kubectl", "-n", installed.namespace, "get", *stored)).decode()
    new = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    half = str(float(RATE) / 2)
    with installed.pod_running("load-by-old", LOAD, URL, half, SECONDS) as by_old:
        by_old.wait_until_begun()
        sign_by(installed, f"{new},{old}")
        with installed.pod_running("load-by-new", LOAD, URL, half, SECONDS) as by_new:
            by_new.wait_until_begun()
            reports = [by_old.result(within=900)]
            sign_by(installed, new)
            reports.append(by_new.result(within=900))
    installed.restart("statefulset/attackacrack-provider-simulator")
    figures["webhooks while the signing key changed"] = json.dumps(reports)
    assert [report["lost"] for report in reports] == [0, 0]
    assert all(report["answers"].keys() <= FORGIVEN | NOT_CONNECTED for report in reports)
    assert "Succeeded" in installed.helm_test()


def test_every_secret_changes_under_load(installed: Release, figures: dict[str, object]) -> None:
    """The generated ones, as the chart's README says: the new value into its Secret, an upgrade, a restart of all."""
    planned = send(installed, "646300", TEXTS // 5)
    with installed.pod_running("load", LOAD, URL, RATE, SECONDS) as load:
        load.wait_until_begun()
        new = {name: secrets.token_hex(16) for name in GENERATED}
        role = f"ALTER ROLE attackacrack PASSWORD '{new['postgresql-password', 'password']}'"
        installed.execute("postgresql", "psql", "--username", "attackacrack", "--quiet", "--command", role)
        for (name, key), value in new.items():
            change = json.dumps({"stringData": {key: value}})
            run("kubectl", "-n", installed.namespace, "patch", "secret", f"attackacrack-{name}", "--patch", change)
        # Not waited for: KEDA's new password is Valkey's only after the restart.
        installed.install(wait=False)
        installed.restart()
        # A worker that still had the old key was refused, and that opened the breaker.
        installed.execute("console", "attackacrack", "sending", "resume")
        report = load.result(within=900)
    figures["webhooks while every secret changed"] = json.dumps(report)
    assert report["lost"] == 0
    figures["texts in doubt after every secret changed"] = finish(installed, "646300", planned)
    assert judge(installed, "646300", planned) == (0, 0)
    webhook = json.dumps({"stringData": {"legacy": secrets.token_hex(32)}})
    run("kubectl", "-n", installed.namespace, "patch", "secret", "attackacrack-webhook", "--patch", webhook)
    installed.restart()
    assert "Succeeded" in installed.helm_test()
