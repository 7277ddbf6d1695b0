"""A release without KEDA, with it, and without it again while texts leave: each `helm upgrade` takes what it finds."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster.release import NAME, Release, eventually, run
from tests.e2e.cluster.test_scaling import POOL, QUICK, arrived, finish, judge, send

TEXTS = 300
VALUES = {
    "provider": {"rate": 50},
    "config": {"numberDailyCap": 100_000, "accountDailyCap": 100_000, "guardAfter": 100_000},
    "simulator": {"rate": 1000, "timeFactor": 10},
    "workers": {"campaign": {"autoscaling": QUICK}},
}
ITS_PROGRAMS = ("-n", "keda", "deployment", "--all")


@pytest.fixture(scope="module")
def kinds(cluster: str) -> Iterator[list[dict[str, Any]]]:
    """KEDA's kinds, as they can be made again; there in the end, whatever happens."""
    found = json.loads(run("kubectl", "get", "crd", "-o", "json"))["items"]
    kept = [
        {
            **each,
            "status": {},
            "metadata": {
                key: each["metadata"][key] for key in ("name", "annotations", "labels") if key in each["metadata"]
            },
        }
        for each in found
        if each["spec"]["group"] == "keda.sh"
    ]
    if not kept:
        pytest.fail(f"{cluster} has no KEDA: make kind-up")
    yield kept
    restore(kept)


def restore(kinds: list[dict[str, Any]]) -> None:
    run(
        "kubectl",
        "apply",
        "--server-side",
        "--force-conflicts",
        "-f",
        "-",
        stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": kinds}),
    )
    run(
        "kubectl",
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "crd",
        *(each["metadata"]["name"] for each in kinds),
    )


def replicas(release: Release) -> int:
    deployment = json.loads(
        run("kubectl", "-n", release.namespace, "get", "deployment", f"{NAME}-{POOL}", "-o", "json")
    )
    return int(deployment["spec"]["replicas"])


def test_absent_then_installed_then_removed(
    release: Release, kinds: list[dict[str, Any]], figures: dict[str, object]
) -> None:
    # What other modules leave behind needs KEDA to go.
    everywhere = ("get", "scaledobjects", "--all-namespaces", "-o", "name")
    eventually(lambda: not run("kubectl", *everywhere).strip(), within=180, what="no other release has a ScaledObject")
    run("kubectl", "scale", *ITS_PROGRAMS, "--replicas=0")
    run("kubectl", "delete", "crd", *(each["metadata"]["name"] for each in kinds))
    release.install()
    assert replicas(release) == 1
    assert not release.restarts()

    restore(kinds)
    bring_back()
    assert replicas(release) == 1
    release.install()
    figures["KEDA installed: seconds from the upgrade to zero pods"] = round(
        eventually(lambda: not release.pods(POOL), within=240, what="KEDA has taken the idle pool to zero"), 1
    )

    planned = send(release, "212800", TEXTS)
    eventually(lambda: arrived(release, "212800") > 0, within=180, what="sending is under way")
    # Gone without notice: nothing is scaled any more, and what runs goes on.
    run("kubectl", "scale", *ITS_PROGRAMS, "--replicas=0")
    figures["pods when KEDA went, and half a minute later"] = f"{len(release.pods(POOL))}, {after(30, release)}"
    assert release.pods(POOL)
    # Gone in order: an upgrade gives the pools their own number first.
    bring_back()
    release.install(values={**VALUES, "autoscaling": {"mode": "none"}})
    hpas = ("-n", release.namespace, "get", "hpa", "-o", "name")
    eventually(lambda: not run("kubectl", *hpas).strip(), within=60, what="KEDA has taken its autoscalers away")
    run("kubectl", "scale", *ITS_PROGRAMS, "--replicas=0")
    assert replicas(release) >= 1
    figures["texts in doubt after KEDA went"] = finish(release, "212800", planned)
    assert judge(release, "212800", planned) == (0, 0)
    assert not release.restarts()
    bring_back()


def bring_back() -> None:
    run("kubectl", "scale", *ITS_PROGRAMS, "--replicas=1")
    run("kubectl", "-n", "keda", "wait", "--for=condition=Available", "--timeout=180s", "deployment", "--all")


def after(seconds: float, release: Release) -> int:
    time.sleep(seconds)
    return len(release.pods(POOL))
