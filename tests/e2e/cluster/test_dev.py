"""`skaffold dev` and `skaffold verify`, by the commands that skaffold.yaml makes of them."""

import io
import os
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.cluster.release import NAME, ROOT, Release, eventually, forwarded, run
from tests.tools.kubernetes_tools import find_program
from tests.tools.waiting import wait_until

SKAFFOLD: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "skaffold.yaml").read_text()))
SURROUNDINGS, PRODUCT = SKAFFOLD
(ARTIFACT,) = PRODUCT["build"]["artifacts"]
(HELM,) = PRODUCT["deploy"]["helm"]["releases"]
FORWARDED = {forward["resourceName"]: forward for forward in PRODUCT["portForward"]}
SIMULATOR = ROOT / "services" / "provider_simulator" / "app.py"
TITLE = "Provider simulator"

pytestmark = pytest.mark.skipif(not (shutil.which("docker") and shutil.which("kind")), reason="needs docker and kind")


def command(program: str, *arguments: str, stdin: bytes | None = None) -> None:
    done = subprocess.run((program, *arguments), cwd=ROOT, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, f"{program} {' '.join(arguments)}: {done.stderr.decode()}"


@pytest.fixture(scope="module")
def image(cluster: str) -> str:
    """The image of the target `dev`, in the nodes."""
    name = f"{ARTIFACT['image']}:{uuid.uuid4().hex[:12]}"
    recipe = ARTIFACT["docker"]
    command("docker", "build", ".", "--file", recipe["dockerfile"], "--target", recipe["target"], "--tag", name)
    command("kind", "load", "docker-image", name, "--name", cluster.removeprefix("kind-"))
    return name


@pytest.fixture(scope="module")
def developed(cluster: str, image: str) -> Iterator[Release]:
    """The release of skaffold.yaml, in its own namespace; one that is there already is left alone."""
    namespace = HELM["namespace"]
    if NAME in run("helm", "list", "--namespace", namespace, "--short").split():
        pytest.fail(f"a release is in the namespace {namespace} already: end `skaffold dev` first")
    for path in SURROUNDINGS["manifests"]["kustomize"]["paths"]:
        run("kubectl", "apply", "--kustomize", str(ROOT / path))
    repository, _, tag = image.partition(":")
    values = {"{{.IMAGE_REPO_attackacrack}}": f"docker.io/library/{repository}", "{{.IMAGE_TAG_attackacrack}}": tag}
    options = [part for path in HELM["valuesFiles"] for part in ("--values", str(ROOT / path))]
    options += [part for key, name in HELM["setValueTemplates"].items() for part in ("--set", f"{key}={values[name]}")]
    run(
        *("helm", "upgrade", "--install", HELM["name"], str(ROOT / HELM["chartPath"]), "--namespace", namespace),
        *("--wait", "--timeout", f"{PRODUCT['deploy']['statusCheckDeadlineSeconds']}s", *options),
    )
    yield Release(namespace)
    run("kubectl", "delete", "namespace", namespace, "--wait", "--timeout=180s")
    run("kubectl", "apply", "--kustomize", str(ROOT / "k8s" / "dev"))


def forward(name: str) -> AbstractContextManager[str]:
    wanted = FORWARDED[name]
    return forwarded(wanted["namespace"], f"{wanted['resourceType']}/{name}", wanted["port"])


def sync(release: Release, path: str, content: bytes) -> None:
    """A changed source into every container of the image, as a tar that is unpacked there."""
    (rule,) = ARTIFACT["sync"]["manual"]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(os.path.relpath(f"{rule['dest']}/{path}", "/"))
        entry.size, entry.mode, entry.mtime = len(content), 0o644, (ROOT / path).stat().st_mtime
        tar.addfile(entry, io.BytesIO(content))
    for pod in release.pods():
        for container in pod.spec.containers:
            if f"/{ARTIFACT['image']}:" in container.image:
                unpack = ("tar", "xmf", "-", "-C", "/", "--no-same-owner")
                options = ("--namespace", release.namespace, "-c", container.name, "-i", pod.metadata.name)
                command(str(find_program("kubectl")), "exec", *options, "--", *unpack, stdin=archive.getvalue())


@pytest.mark.parametrize("name", FORWARDED)
def test_what_is_forwarded_answers(developed: Release, name: str) -> None:
    with forward(name) as address:
        assert httpx.get(address, timeout=30).status_code < 500


def test_a_changed_source_runs_a_moment_later(developed: Release) -> None:
    source = SIMULATOR.read_text()
    changed = source.replace(f'title="{TITLE}"', 'title="Changed by its developer"')
    assert changed != source
    path = str(SIMULATOR.relative_to(ROOT))

    def title() -> str:
        try:
            with forward("attackacrack-provider-simulator") as address:
                document = httpx.get(f"{address}/_simulator/openapi.json", timeout=10).json()
        except httpx.TransportError:  # it is starting again, and the forwarding ended with that
            return ""
        return str(document["info"]["title"])

    assert title() == TITLE
    sync(developed, path, changed.encode())
    wait_until(lambda: title() == "Changed by its developer", within=120)
    sync(developed, path, source.encode())
    wait_until(lambda: title() == TITLE, within=120)
    assert developed.restarts() == {}


@pytest.mark.parametrize("check", PRODUCT["verify"], ids=lambda check: check["name"])
def test_verify(developed: Release, image: str, check: dict[str, Any]) -> None:
    path = check["executionMode"]["kubernetesCluster"]["jobManifestPath"]
    job: dict[str, Any] = yaml.safe_load((ROOT / path).read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    wanted = check["container"]
    assert container["name"] == wanted["name"]
    container.update(image=f"docker.io/library/{image}", command=wanted["command"], args=wanted["args"])
    run("kubectl", "create", "--filename", "-", stdin=yaml.safe_dump(job))
    name = ("--namespace", job["metadata"]["namespace"], f"job/{job['metadata']['name']}")

    def conditions() -> str:
        return run("kubectl", "get", *name, "--output", "jsonpath={.status.conditions[?(@.status=='True')].type}")

    try:
        eventually(
            lambda: bool({"Complete", "Failed"} & set(conditions().split())), within=180, what="verify has ended"
        )
        assert "Complete" in conditions(), run("kubectl", "logs", *name)
    finally:
        run("kubectl", "delete", *name, "--wait")
