"""Upgrades, rollbacks and new secrets while webhooks arrive and texts leave: nothing is lost, nothing comes twice."""

import json
import os
import secrets

import pytest

from tests.e2e.cluster.release import ROOT, Release, eventually
from tests.e2e.cluster.test_scaling import SCRIPT, finish, judge

RATE = os.environ.get("E2E_RATE", "20")
SECONDS = os.environ.get("E2E_SECONDS", "150")
TEXTS = int(os.environ.get("E2E_TEXTS", "5000")) // 5
LOAD = (ROOT / "k8s" / "load.py").read_text()
URL = "http://attackacrack-webhook-ingress/webhooks/openphone"
VALUES = {
    "webhookIngress": {"replicas": 2},
    "provider": {"rate": 20},
    "config": {"numberDailyCap": 100_000, "accountDailyCap": 100_000},
    "simulator": {"rate": 1000, "timeFactor": 10},
}
FORGIVEN = {"200", "503"}  # 503 says: not stored, send it again


@pytest.fixture(scope="module", autouse=True)
def installed(release: Release) -> Release:
    release.install()
    return release


def test_upgrade_and_rollback_under_load(installed: Release, figures: dict[str, object]) -> None:
    planned = int(installed.python("console", SCRIPT, str(TEXTS), "212700").splitlines()[-1])
    with installed.pod_running("load", LOAD, URL, RATE, SECONDS) as load:
        eventually(lambda: load.phase == "Running", within=60, what="webhooks arrive")
        installed.install(values={**VALUES, "config": {**VALUES["config"], "logLevel": "DEBUG"}})
        installed.rollback(1)
        report = load.result(within=900)
    figures["webhooks during an upgrade and a rollback"] = json.dumps(report)
    assert report["lost"] == 0
    assert report["answers"].keys() <= FORGIVEN | {"ConnectError", "RemoteProtocolError", "ReadError"}
    figures["texts in doubt after an upgrade and a rollback"] = finish(installed, "212700", planned)
    assert judge(installed, "212700", planned) == (0, 0)


def test_new_secrets(installed: Release) -> None:
    """The provider's key and Flower's password change by an upgrade; the pods that read them are replaced."""
    before = {pod.metadata.name for pod in installed.pods()}
    password = secrets.token_urlsafe(24)
    installed.install(values={**VALUES, "secrets": {"flower": {"password": password}}})
    replaced = before - {pod.metadata.name for pod in installed.pods()}
    assert any("flower" in name for name in replaced)
    assert not any("console" in name or "ingress" in name for name in replaced)
