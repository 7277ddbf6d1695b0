"""The chart as its users get it: rendered by helm, as plain objects. Each rendering is made once per test process."""

import copy
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.tools.kubernetes_tools import find_program

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "attackacrack"
KEDA = "keda.sh/v1alpha1"
RELEASE, NAMESPACE = "attackacrack", "texts"
SHAPES: Mapping[str, Path] = {
    **{path.stem: path for path in sorted((CHART / "ci").glob("*.yaml"))},
    "production": CHART / "values-production.yaml",
    "development": CHART / "values-dev.yaml",
}

Object = dict[str, Any]
Values = Mapping[str, Any]


class RenderRefused(Exception):
    """Helm ended with an error; the text is what its user reads."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod template and the object that it is in."""

    owner: Object
    template: Object

    @property
    def name(self) -> str:
        return f"{self.owner['kind']}/{self.owner['metadata']['name']}"

    @property
    def component(self) -> str:
        component: str = self.template["metadata"]["labels"]["app.kubernetes.io/component"]
        return component

    @property
    def spec(self) -> Object:
        spec: Object = self.template["spec"]
        return spec

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def main(self) -> Object:
        container: Object = self.spec["containers"][0]
        return container


def render(
    values: Path | Values | None = None,
    *,
    release: str = RELEASE,
    namespace: str = NAMESPACE,
    kubernetes: str = "1.34",
    has_keda: bool = True,
) -> list[Object]:
    """The objects of a release, hooks among them. `values` is a file's path or a mapping. Raises `RenderRefused`."""
    source = str(values) if isinstance(values, Path) else json.dumps(values or {}, sort_keys=True)
    return copy.deepcopy(_rendered(source, release, namespace, kubernetes, has_keda))


def render_shape(shape: str, *, kubernetes: str = "1.34", has_keda: bool = True) -> list[Object]:
    return render(SHAPES[shape], kubernetes=kubernetes, has_keda=has_keda)


def helm(*arguments: str) -> str:
    """Run helm and return what it prints. Raises `RenderRefused`."""
    result = subprocess.run((str(find_program("helm")), *arguments), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RenderRefused(result.stderr)
    return result.stdout


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [found for found in objects if found["kind"] == kind]


def one(objects: list[Object], kind: str, name: str) -> Object:
    """The only object of a kind whose name ends so."""
    (found,) = [found for found in of_kind(objects, kind) if found["metadata"]["name"].endswith(name)]
    return found


def pods_of(objects: list[Object]) -> Iterator[Pod]:
    """Every pod that the objects make."""
    for found in objects:
        if found["kind"] == "Pod":
            yield Pod(found, found)
        elif found["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield Pod(found, found["spec"]["template"])


def pod_of(objects: list[Object], component: str) -> Pod:
    (found,) = [pod for pod in pods_of(objects) if pod.component == component]
    return found


@cache
def _rendered(source: str, release: str, namespace: str, kubernetes: str, has_keda: bool) -> list[Object]:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(Path(source).read_text() if source.endswith(".yaml") else source)
        file.flush()
        options = ["--values", file.name, "--namespace", namespace, "--kube-version", kubernetes]
        if has_keda:
            options += ["--api-versions", KEDA]
        text = helm("template", release, str(CHART), *options)
    return [found for found in yaml.load_all(text, Loader=yaml.CSafeLoader) if found]
