"""One of two nodes is drained, and comes back only to lose its pods at once, while webhooks arrive and texts leave."""

import json
import os
from typing import Any

import pytest
from kubernetes import client

from tests.e2e.cluster.release import ROOT, Release, eventually, run
from tests.e2e.cluster.test_scaling import finish, judge, send

RATE = os.environ.get("E2E_RATE", "10")
LOAD = (ROOT / "k8s" / "load.py").read_text()
URL = "http://attackacrack-webhook-ingress/webhooks/openphone"
VALUES = {
    "autoscaling": {"mode": "none"},
    "webhookIngress": {"replicas": 2},
    "workers": {"campaign": {"replicas": 2}, "webhook": {"replicas": 2}},
    "provider": {"rate": 5},
    "config": {"numberDailyCap": 100_000, "accountDailyCap": 100_000, "guardAfter": 100_000},
    "simulator": {"rate": 1000, "timeFactor": 10},
}
SPREAD = [f"deployment/attackacrack-{role}" for role in ("webhook-ingress", "campaign-worker", "webhook-worker")]


@pytest.fixture
def second_node(release: Release) -> Any:
    """A node without the stores, whose volumes can't move: all is installed on the first, then what can moves."""
    core: Any = client.CoreV1Api()
    nodes = [node.metadata.name for node in core.list_node().items]
    if len(nodes) < 2:
        pytest.skip("a cluster of two nodes is needed")
    second = nodes[1]
    run("kubectl", "cordon", second)
    release.install()
    run("kubectl", "uncordon", second)
    release.restart(*SPREAD)
    eventually(lambda: bool(on(release, second)), within=60, what=f"pods are on {second}")
    yield second
    run("kubectl", "uncordon", second)


def on(release: Release, node: str) -> list[str]:
    return [pod.metadata.name for pod in release.pods() if pod.spec.node_name == node]


def test_a_node_is_drained_and_killed(release: Release, second_node: str, figures: dict[str, object]) -> None:
    planned = send(release, "212900", 300)
    run("kubectl", "cordon", second_node)  # what counts the answers must not be moved itself
    with release.pod_running("load", LOAD, URL, RATE, "120") as load:
        load.wait_until_begun()
        figures["pods that a drain moved"] = len(on(release, second_node))
        run("kubectl", "drain", second_node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s")
        assert release.pods("webhook-ingress")
        run("kubectl", "uncordon", second_node)
        release.restart(*SPREAD)
        eventually(lambda: bool(on(release, second_node)), within=120, what=f"pods are back on {second_node}")
        killed = on(release, second_node)
        figures["pods that a kill took"] = len(killed)
        run("kubectl", "-n", release.namespace, "delete", "pod", *killed, "--force", "--grace-period=0")
        report = load.result(within=600)
    figures["webhooks while a node was drained and killed"] = json.dumps(report)
    assert report["lost"] == 0
    figures["texts in doubt after a node was drained and killed"] = finish(release, "212900", planned)
    assert judge(release, "212900", planned) == (0, 0)
