"""What stands around the chart says the same as the chart: compose, skaffold, kind, the image, the tools' pins."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from services.core.runtime.durations import Durations
from services.core.runtime.settings import Settings
from services.core.runtime.telemetry import Attribute
from services.provider_simulator.settings import Settings as SimulatorSettings
from tests.chart.rendering import CHART, ROOT, SHAPES, Object, pod_of, pods_of, render

SKAFFOLD_SCHEMA = ROOT.parent / "shared" / "reference" / "schemas" / "skaffold-v4beta14.json"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "services" / "compose.yaml").read_text())
SKAFFOLD: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "skaffold.yaml").read_text()))
DOCKERFILE = (ROOT / "services" / "Dockerfile").read_text()
STORES = {"postgresql": "postgresql", "redis": "valkey", "jaeger": "jaeger"}
ROLES = sorted(set(COMPOSE["services"]) - set(STORES))


def command_of(component: str) -> list[str]:
    command: list[str] = pod_of(render(), component).main["command"]
    return command


class TestCompose:
    def test_it_runs_what_the_chart_runs(self) -> None:
        in_the_chart = {pod.component for pod in pods_of(render())} - {"test"}
        assert {STORES.get(name, name) for name in COMPOSE["services"]} == in_the_chart

    @pytest.mark.parametrize("role", ROLES)
    def test_a_role_is_the_same_command(self, role: str) -> None:
        assert COMPOSE["services"][role]["command"] == command_of(role)

    @pytest.mark.parametrize("store", STORES)
    def test_a_store_is_the_same_image(self, store: str) -> None:
        assert COMPOSE["services"][store]["image"] == pod_of(render(), STORES[store]).main["image"]

    def test_every_variable_is_a_setting(self) -> None:
        for name, service in COMPOSE["services"].items():
            variables = {key for key in service.get("environment", {}) if key.startswith("ATTACKACRACK_")}
            if name == "provider-simulator":
                fields, prefix = SimulatorSettings.model_fields, "ATTACKACRACK_SIMULATOR_"
            else:
                fields, prefix = Settings.model_fields, "ATTACKACRACK_"
            assert {key.removeprefix(prefix).lower() for key in variables} <= fields.keys(), name

    @pytest.mark.parametrize("role", ROLES)
    def test_a_role_ends_as_softly_as_its_pod(self, role: str) -> None:
        spec = pod_of(render(), role).spec
        service = COMPOSE["services"][role]
        if role.endswith("-worker"):
            assert service["stop_grace_period"] == f"{spec['terminationGracePeriodSeconds']}s"
            assert service["environment"]["REMAP_SIGTERM"] == "SIGQUIT"

    def test_nothing_is_published_beyond_this_machine(self) -> None:
        ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
        assert ports
        assert all(port.startswith("127.0.0.1:") for port in ports)

    def test_the_broker_writes_what_it_takes_and_drops_nothing(self) -> None:
        command = " ".join(COMPOSE["services"]["redis"]["command"])
        assert "--appendonly yes" in command
        assert "--maxmemory-policy noeviction" in command


class TestSkaffold:
    def test_its_schema(self) -> None:
        if not SKAFFOLD_SCHEMA.exists():
            pytest.skip(f"skaffold's schema is not here: {SKAFFOLD_SCHEMA.name}")
        validator = Draft7Validator(json.loads(SKAFFOLD_SCHEMA.read_text()))
        assert not [error.message for document in SKAFFOLD for error in validator.iter_errors(document)]

    def test_every_path_is_there(self) -> None:
        text = (ROOT / "skaffold.yaml").read_text()
        paths = re.findall(r"(?:k8s|charts|services)/[\w./-]+(?:yaml|file|rack)\b", text)
        assert len(paths) >= 5
        assert not [path for path in paths if not (ROOT / path).exists()]

    def test_the_build_target_is_there(self) -> None:
        (artifact,) = SKAFFOLD[1]["build"]["artifacts"]
        assert f"AS {artifact['docker']['target']}\n" in DOCKERFILE

    def test_forwarded_services_are_the_charts(self) -> None:
        names = {found["metadata"]["name"]: found for found in render() if found["kind"] == "Service"}
        for forward in SKAFFOLD[1]["portForward"]:
            if forward["namespace"] == "attackacrack":
                ports = [port["port"] for port in names[forward["resourceName"]]["spec"]["ports"]]
                assert forward["port"] in ports

    def test_the_verifying_job_is_a_test_of_the_release(self) -> None:
        job: Object = yaml.safe_load((ROOT / "k8s" / "dev" / "verify-job.yaml").read_text())
        labels = pod_of([found for found in render() if found["kind"] != "Pod"] + webhook_test(), "test").template
        assert job["spec"]["template"]["metadata"]["labels"].items() <= labels["metadata"]["labels"].items()


def webhook_test() -> list[Object]:
    return [found for found in render() if found["metadata"]["name"].endswith("-test-webhook")]


class TestImage:
    def test_no_root_and_no_shell_in_front_of_the_role(self) -> None:
        stages = DOCKERFILE.split("\nFROM ")
        runtime = next(stage for stage in stages if "AS runtime" in stage)
        assert "USER 10001:10001" in runtime
        assert "ENTRYPOINT" not in DOCKERFILE
        assert 'CMD ["attackacrack", "--help"]' in runtime

    def test_it_is_built_from_the_hashed_lock(self) -> None:
        assert "--require-hashes" in DOCKERFILE
        assert "services/requirements.lock" in DOCKERFILE
        lock = (ROOT / "services" / "requirements.lock").read_text()
        pinned = re.findall(r"^[\w.-]+(?:\[[\w,]+\])?==", lock, re.MULTILINE)
        assert len(pinned) > 50
        assert len(re.findall(r"--hash=sha256:", lock)) >= len(pinned)

    def test_the_program_knows_its_version_there(self) -> None:
        assert "attackacrack-${VERSION}.dist-info" in DOCKERFILE

    def test_only_sources_are_in_the_build_context(self) -> None:
        lines = (ROOT / ".dockerignore").read_text().split()
        assert lines[0] == "*"
        assert {line for line in lines if line.startswith("!")} == {"!services", "!k8s/dev/reload.py"}

    def test_what_it_leaves_out_nobody_imports(self) -> None:
        removed = ("kubernetes.aio", "phonenumbers.geocoder")
        sources = [path.read_text() for path in (ROOT / "services").rglob("*.py")]
        assert not [
            name for name in removed for source in sources if f"import {name}" in source or f"from {name}" in source
        ]


def test_local_cluster_has_zones_to_spread_over() -> None:
    nodes = yaml.safe_load((ROOT / "k8s" / "kind.yaml").read_text())["nodes"]
    assert len({node["labels"]["topology.kubernetes.io/zone"] for node in nodes}) == len(nodes) > 1


def test_the_chart_has_the_applications_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in project


def test_supported_shapes_are_files() -> None:
    assert all(isinstance(path, Path) and path.exists() for path in SHAPES.values())


class TestCollector:
    SHIPPED: tuple[Any, ...] = tuple(
        yaml.safe_load_all((ROOT / "k8s" / "observability" / "collector.yaml").read_text())
    )
    CONFIG: dict[str, Any] = yaml.safe_load(SHIPPED[0]["data"]["collector.yaml"])
    POLICIES: list[dict[str, Any]] = CONFIG["processors"]["tail_sampling"]["policies"]

    def test_what_its_pipelines_name_is_configured_and_used(self) -> None:
        service = self.CONFIG["service"]
        for kind in ("receivers", "processors", "exporters"):
            used = {name for pipeline in service["pipelines"].values() for name in pipeline[kind]}
            assert used == set(self.CONFIG[kind]), kind
        assert set(service["extensions"]) == set(self.CONFIG["extensions"])

    def test_each_policy_has_a_name_and_what_its_type_takes(self) -> None:
        assert len({policy["name"] for policy in self.POLICIES}) == len(self.POLICIES)
        assert [policy for policy in self.POLICIES if set(policy) != {"name", "type", policy["type"]}] == []

    def test_policies_ask_for_attributes_that_spans_have(self) -> None:
        keys = [
            policy[kind]["key"]
            for kind in ("string_attribute", "numeric_attribute")
            for policy in self.POLICIES
            if kind in policy
        ]
        assert keys
        assert set(keys) <= set(Attribute)

    def test_its_ports_are_the_services(self) -> None:
        ports = {
            port["name"]: port["containerPort"]
            for port in self.SHIPPED[1]["spec"]["template"]["spec"]["containers"][0]["ports"]
        }
        listening = [self.CONFIG["receivers"]["otlp"]["protocols"]["http"], self.CONFIG["extensions"]["health_check"]]
        assert [int(each["endpoint"].rpartition(":")[2]) for each in listening] == [ports["otlp-http"], ports["health"]]
        assert self.SHIPPED[2]["spec"]["ports"] == [
            {"name": "otlp-http", "port": ports["otlp-http"], "targetPort": "otlp-http"}
        ]

    def test_it_waits_for_a_text_that_is_dispatched_again(self) -> None:
        """The lease must end, and the sweep and the dispatcher must come by."""
        wait = self.CONFIG["processors"]["tail_sampling"]["decision_wait"]
        durations = Durations()
        again = max(durations.lease, durations.unleased_after) + durations.sweep_every + durations.dispatch_every
        assert timedelta(minutes=int(wait.removesuffix("m"))) > again
