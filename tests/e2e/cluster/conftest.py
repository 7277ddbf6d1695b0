"""The current kube context's cluster; only a local one, since these tests make and remove namespaces."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from tests.e2e.cluster.release import Release, run
from tests.tools.surroundings import CALLERS, ROOT

LOCAL = ("kind-",)
FIGURES = ROOT / ".cache" / "e2e-figures.txt"
OF_THE_CALLER = ("HOME", "KUBECONFIG", "DOCKER_HOST", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
"""What says which cluster: these tests alone are told by the person who starts them, `make e2e`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The name of the cluster's context."""
    with pytest.MonkeyPatch.context() as environment:
        for name in OF_THE_CALLER:
            environment.delenv(name, raising=False)
            if name in CALLERS:
                environment.setenv(name, CALLERS[name])
        yield _local_context()


def _local_context() -> str:
    kubeconfig: Any = config
    path = os.environ.get("KUBECONFIG")  # the client has read it once, when nobody was to see it
    kubeconfig.load_kube_config(path)
    name: str = kubeconfig.list_kube_config_contexts(path)[1]["name"]
    if not name.startswith(LOCAL) and os.environ.get("E2E_ANY_CLUSTER") != "yes":
        pytest.fail(f"the kube context is {name}, not a local cluster: make kind-up, or set E2E_ANY_CLUSTER=yes")
    return name


@pytest.fixture(scope="module")
def release(cluster: str, request: pytest.FixtureRequest) -> Iterator[Release]:
    """A release in an empty namespace that enforces the restricted profile; a module's `VALUES` are its values."""
    namespace = f"e2e-{request.module.__name__.rpartition('_')[2]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    body = client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace, labels=labels))
    run("kubectl", "delete", "namespace", namespace, "--ignore-not-found", "--wait", "--timeout=180s")
    client.CoreV1Api().create_namespace(body)
    yield Release(namespace, getattr(request.module, "VALUES", {}))
    run("kubectl", "delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="session")
def figures() -> Iterator[dict[str, object]]:
    """What was measured; written beside the test's output when all is over."""
    measured: dict[str, object] = {}
    yield measured
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text("".join(f"{name}\t{value}\n" for name, value in measured.items()))
