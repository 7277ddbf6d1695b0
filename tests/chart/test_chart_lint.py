"""The chart is well-formed, and a package of it is what is installed."""

from pathlib import Path

import pytest

from tests.chart.rendering import CHART, SHAPES, helm, render_shape

OLDEST, NEWEST = "1.30.0", "1.37"


@pytest.mark.parametrize("shape", SHAPES)
def test_lint_finds_nothing(shape: str) -> None:
    keda = ("--set", "autoscaling.mode=auto") if shape == "production" else ()  # lint knows no cluster's APIs
    said = helm("lint", "--strict", str(CHART), "--values", str(SHAPES[shape]), *keda)
    assert "0 chart(s) failed" in said


def test_a_package_has_the_chart_and_no_test_values(tmp_path: Path) -> None:
    helm("package", str(CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.glob("*.tgz")
    assert "kind: Deployment" in helm("template", "texts", str(package))


def test_every_supported_kubernetes_gets_the_same_objects(shape: str) -> None:
    def names(kubernetes: str) -> list[tuple[str, str]]:
        found = render_shape(shape, kubernetes=kubernetes)
        return [(each["apiVersion"] + each["kind"], each["metadata"]["name"]) for each in found]

    assert names(OLDEST) == names(NEWEST)


def test_an_older_kubernetes_is_refused_with_the_reason() -> None:
    with pytest.raises(Exception, match=r"chart requires kubeVersion: >=1\.30\.0"):
        render_shape("default", kubernetes="1.29")
