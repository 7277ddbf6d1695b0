"""What must hold of every object in every supported shape."""

import json
import re

import pytest

from tests.chart.rendering import Object, of_kind, pod_of, pods_of, render, render_shape

OURS = (
    "webhook-ingress",
    "console",
    "campaign-worker",
    "webhook-worker",
    "operations-worker",
    "beat",
    "flower",
    "provider-simulator",
)
STANDARD_LABELS = ("name", "instance", "component", "version", "part-of", "managed-by")
SELECTING = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
CLUSTER_SCOPED = ("ClusterRole", "ClusterRoleBinding", "Namespace", "PriorityClass", "CustomResourceDefinition")
LONGEST_LABEL = 63
LONG_RELEASE = "a" * 53


def matches(selector: Object, labels: Object) -> bool:
    return selector.items() <= labels.items()


def secret_values(objects: list[Object]) -> set[str]:
    return {value for secret in of_kind(objects, "Secret") for value in secret["stringData"].values() if value}


class TestSecurity:
    def test_every_pod_is_restricted(self, objects: list[Object]) -> None:
        for pod in pods_of(objects):
            security = pod.spec["securityContext"]
            assert security["runAsNonRoot"] is True, pod.name
            assert security["runAsUser"] > 0, pod.name
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}, pod.name
            assert not pod.spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}, pod.name
            allowed = {"emptyDir", "projected", "secret", "configMap", "persistentVolumeClaim"}
            assert all(len(volume.keys() & allowed) == 1 for volume in pod.spec["volumes"]), pod.name

    def test_every_container_is_restricted(self, objects: list[Object], shape: str) -> None:
        for pod in pods_of(objects):
            for container in pod.containers:
                security = container["securityContext"]
                assert security["allowPrivilegeEscalation"] is False, pod.name
                assert security["capabilities"] == {"drop": ["ALL"]}, pod.name
                is_synced = shape == "development" and pod.component not in ("postgresql", "valkey")
                assert security["readOnlyRootFilesystem"] is True or is_synced, pod.name

    def test_only_the_operations_worker_has_a_token(self, objects: list[Object]) -> None:
        with_token = {pod.component for pod in pods_of(objects) if pod.spec["automountServiceAccountToken"]}
        assert with_token == {"operations-worker"}
        assert {binding["subjects"][0]["name"][-17:] for binding in of_kind(objects, "RoleBinding")} == {
            "operations-worker"
        }
        assert not any(account["automountServiceAccountToken"] for account in of_kind(objects, "ServiceAccount"))

    def test_the_token_reads_only_deployments_and_pods(self, objects: list[Object]) -> None:
        (role,) = of_kind(objects, "Role")
        granted = {(tuple(rule["resources"]), tuple(rule["verbs"])) for rule in role["rules"]}
        assert granted == {(("deployments",), ("get", "list")), (("pods",), ("get", "list"))}

    def test_the_token_can_be_switched_off(self) -> None:
        objects = render({"workers": {"operations": {"kubernetesAccess": False}}})
        assert not of_kind(objects, "Role")
        assert not any(pod.spec["automountServiceAccountToken"] for pod in pods_of(objects))

    def test_no_secret_outside_a_secret(self, objects: list[Object]) -> None:
        """Neither a value in the open, nor one that a pod gets as environment."""
        secrets = secret_values(objects)
        open_text = json.dumps([found for found in objects if found["kind"] != "Secret"])
        assert not [secret for secret in secrets if len(secret) > 8 and json.dumps(secret)[1:-1] in open_text]
        assert "secretKeyRef" not in open_text

    def test_secret_files_are_for_the_group_alone(self, objects: list[Object]) -> None:
        for pod in pods_of(objects):
            for volume in pod.spec["volumes"]:
                if source := volume.get("projected") or volume.get("secret"):
                    assert source["defaultMode"] == 0o440, pod.name

    def test_nothing_is_made_outside_the_namespace(self, objects: list[Object]) -> None:
        assert not [found for found in objects if found["kind"] in CLUSTER_SCOPED]
        assert {found["metadata"].get("namespace", "texts") for found in objects} == {"texts"}


class TestSelectors:
    def test_a_workload_selects_its_own_pods_and_nobody_elses(self, objects: list[Object]) -> None:
        pods = list(pods_of(objects))
        for pod in pods:
            selector = pod.owner["spec"].get("selector", {}).get("matchLabels")
            if selector is None:
                continue
            assert selector.keys() == SELECTING, pod.name
            selected = [other.name for other in pods if matches(selector, other.template["metadata"]["labels"])]
            assert selected == [pod.name]

    @pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget"])
    def test_each_selects_exactly_one_workload(self, objects: list[Object], kind: str) -> None:
        for found in of_kind(objects, kind):
            selector = found["spec"]["selector"]
            selector = selector.get("matchLabels", selector)
            selected = [pod for pod in pods_of(objects) if matches(selector, pod.template["metadata"]["labels"])]
            assert len(selected) == 1, found["metadata"]["name"]

    def test_a_service_names_a_port_that_its_pods_have(self, objects: list[Object]) -> None:
        for service in of_kind(objects, "Service"):
            (pod,) = [
                pod
                for pod in pods_of(objects)
                if matches(service["spec"]["selector"], pod.template["metadata"]["labels"])
            ]
            ports = {port["name"] for port in pod.main["ports"]}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, pod.name

    def test_two_releases_in_one_namespace_share_nothing(self) -> None:
        first, second = render(release="spring"), render(release="autumn")
        keys = [{(found["kind"], found["metadata"]["name"]) for found in objects} for objects in (first, second)]
        assert not keys[0] & keys[1]
        for pod in pods_of(first):
            for service in of_kind(second, "Service"):
                assert not matches(service["spec"]["selector"], pod.template["metadata"]["labels"])


class TestScaling:
    def test_replicas_are_left_to_whoever_scales(self, objects: list[Object]) -> None:
        scaled = {
            found["spec"]["scaleTargetRef"]["name"]
            for kind in ("ScaledObject", "HorizontalPodAutoscaler")
            for found in of_kind(objects, kind)
        }
        for deployment in of_kind(objects, "Deployment"):
            is_scaled = deployment["metadata"]["name"] in scaled
            assert is_scaled is ("replicas" not in deployment["spec"]), deployment["metadata"]["name"]

    def test_auto_follows_the_cluster(self) -> None:
        assert len(of_kind(render(has_keda=True), "ScaledObject")) == 3
        assert not of_kind(render(has_keda=False), "ScaledObject")

    def test_cpu_never_scales_a_pool_to_zero(self) -> None:
        found = of_kind(render_shape("hpa"), "HorizontalPodAutoscaler")
        assert len(found) == 4
        assert all(each["spec"]["minReplicas"] >= 1 for each in found)

    def test_a_budget_never_blocks_a_single_pod(self, objects: list[Object]) -> None:
        """A percentage is rounded up for `maxUnavailable`, so that any above 0 lets one pod go."""
        for budget in of_kind(objects, "PodDisruptionBudget"):
            spec = budget["spec"]
            if "minAvailable" in spec:
                (pod,) = [
                    pod
                    for pod in pods_of(objects)
                    if matches(spec["selector"]["matchLabels"], pod.template["metadata"]["labels"])
                ]
                least = pod.owner["spec"].get("replicas") or next(
                    found["spec"]["minReplicas"]
                    for found in of_kind(objects, "HorizontalPodAutoscaler")
                    if found["spec"]["scaleTargetRef"]["name"] == pod.owner["metadata"]["name"]
                )
                assert least > spec["minAvailable"]
            else:
                assert spec["maxUnavailable"] not in (0, "0%")


class TestPods:
    def test_requests_and_a_memory_limit_everywhere(self, objects: list[Object]) -> None:
        for pod in pods_of(objects):
            for container in pod.containers:
                resources = container["resources"]
                assert resources["requests"].keys() >= {"cpu", "memory"}, pod.name
                assert "memory" in resources["limits"], pod.name

    def test_a_running_pod_is_probed_in_ways_that_differ(self, objects: list[Object]) -> None:
        for pod in pods_of(objects):
            if pod.owner["kind"] in ("Job", "Pod"):
                continue
            live, ready = pod.main["livenessProbe"], pod.main["readinessProbe"]
            assert live != ready, pod.name
            assert live.get("timeoutSeconds", 1) <= live["periodSeconds"], pod.name
            assert live["periodSeconds"] * live.get("failureThreshold", 3) > (
                ready["periodSeconds"] * ready.get("failureThreshold", 3)
            ), f"{pod.name} would be restarted before it is taken out of service"

    def test_ports_have_names_and_probes_use_them(self, objects: list[Object]) -> None:
        for pod in pods_of(objects):
            names = [port["name"] for port in pod.main.get("ports", [])]
            assert len(names) == len(set(names)), pod.name
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                action = pod.main.get(probe, {})
                target = action.get("httpGet", action.get("tcpSocket", {})).get("port")
                assert target is None or target in names, pod.name

    def test_every_image_has_a_version(self, objects: list[Object]) -> None:
        images = {container["image"] for pod in pods_of(objects) for container in pod.containers}
        assert all(re.search(r"(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$", image) for image in images), images

    def test_every_mount_has_its_volume(self, objects: list[Object]) -> None:
        for pod in pods_of(objects):
            claimed = {claim["metadata"]["name"] for claim in pod.owner["spec"].get("volumeClaimTemplates", [])}
            volumes = {volume["name"] for volume in pod.spec["volumes"]} | claimed
            mounted = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", [])}
            assert mounted <= volumes, pod.name

    def test_every_secret_and_configuration_is_there_or_said_to_exist(self, objects: list[Object], shape: str) -> None:
        made = {found["metadata"]["name"] for kind in ("Secret", "ExternalSecret") for found in of_kind(objects, kind)}
        named = set()
        for pod in pods_of(objects):
            for volume in pod.spec["volumes"]:
                sources = volume.get("projected", {}).get("sources", [])
                named |= {source["secret"]["name"] for source in sources}
                named |= {volume["secret"]["secretName"]} if "secret" in volume else set()
        existing = {"production": 4, "hook-migrations": 1}.get(shape, 0)
        assert len(named - made) == existing, named - made

    def test_workers_stop_softly(self, objects: list[Object]) -> None:
        for pod in pods_of(objects):
            environment = {entry["name"]: entry.get("value") for entry in pod.main.get("env", [])}
            assert (environment.get("REMAP_SIGTERM") == "SIGQUIT") is pod.component.endswith("-worker"), pod.name

    def test_process_one_is_the_role(self, objects: list[Object], shape: str) -> None:
        for pod in pods_of(objects):
            if pod.component in OURS:
                command = pod.main["command"]
                assert command[:1] == (["attackacrack-reload"] if shape == "development" else ["python"])
                assert command[-2:] == ["-m", f"services.{pod.component.replace('-', '_')}"]

    def test_every_role_that_needs_the_schema_waits_for_it(self, objects: list[Object]) -> None:
        waiting = {
            pod.component
            for pod in pods_of(objects)
            for container in pod.spec.get("initContainers", [])
            if container["name"] == "wait-for-schema"
        }
        assert waiting == set(OURS) - {"flower", "provider-simulator"}


class TestNames:
    def test_standard_labels(self, objects: list[Object], shape: str) -> None:
        for found in objects:
            if shape == "everything" and found["metadata"]["name"].endswith("-extra"):
                continue
            labels = found["metadata"]["labels"]
            assert {f"app.kubernetes.io/{name}" for name in STANDARD_LABELS} <= labels.keys()
            assert all(len(str(value)) <= LONGEST_LABEL for value in labels.values())

    def test_the_longest_release_name_still_fits(self) -> None:
        objects = render(release=LONG_RELEASE)
        for found in objects:
            name = found["metadata"]["name"]
            allowance = {"ScaledObject": len("keda-hpa-"), "StatefulSet": len("-0123456789")}.get(found["kind"], 0)
            assert len(name) + allowance <= LONGEST_LABEL, name

    def test_long_release_names_that_begin_alike_differ(self) -> None:
        first, second = (pod_of(render(release=LONG_RELEASE[:-1] + last), "beat") for last in "xy")
        assert first.name != second.name


class TestChecksums:
    def checksum(self, objects: list[Object], component: str = "beat") -> Object:
        annotations: Object = pod_of(objects, component).template["metadata"]["annotations"]
        return annotations

    def test_a_setting_rolls_the_pods(self) -> None:
        before, after = render(), render({"config": {"numberDailyCap": 100}})
        assert self.checksum(before) != self.checksum(after)

    def test_an_unrelated_value_does_not(self) -> None:
        before, after = render(), render({"workers": {"campaign": {"replicas": 3}}, "tests": {"enabled": False}})
        assert self.checksum(before) == self.checksum(after)

    def test_an_inline_secret_rolls_its_readers_and_nobody_else(self) -> None:
        def with_key(key: str) -> list[Object]:
            return render({"secrets": {"provider": {"apiKey": key}}})

        before, after = with_key("one"), with_key("two")
        assert self.checksum(before, "campaign-worker") != self.checksum(after, "campaign-worker")
        assert self.checksum(before, "webhook-worker") == self.checksum(after, "webhook-worker")

    def test_another_image_is_another_migration(self) -> None:
        names = {
            of_kind(render(values), "Job")[0]["metadata"]["name"] for values in ({}, {"image": {"tag": "9.9"}}, {})
        }
        assert len(names) == 2


class TestMigrations:
    def test_a_job_beside_the_pods_is_no_hook(self) -> None:
        (job,) = of_kind(render(), "Job")
        assert "annotations" not in job["metadata"]
        assert job["spec"]["ttlSecondsAfterFinished"] == 86_400

    def test_a_hook_needs_nothing_of_the_release(self) -> None:
        objects = render_shape("hook-migrations")
        (job,) = of_kind(objects, "Job")
        assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        spec = job["spec"]["template"]["spec"]
        assert "serviceAccountName" not in spec
        assert "envFrom" not in spec["containers"][0]
        (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "secrets"]
        assert [source["secret"]["name"] for source in volume["projected"]["sources"]] == ["texts-app"]

    def test_none(self) -> None:
        assert not of_kind(render_shape("external-tls"), "Job")


class TestExposure:
    @pytest.mark.parametrize("shape", ["production", "everything"])
    def test_an_ingress_has_the_webhook_path_alone(self, shape: str) -> None:
        (ingress,) = of_kind(render_shape(shape), "Ingress")
        (rule,) = ingress["spec"]["rules"]
        assert [(path["path"], path["pathType"]) for path in rule["http"]["paths"]] == [
            ("/webhooks/openphone", "Exact")
        ]
        assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]

    def test_a_route_has_it_alone_too(self) -> None:
        (route,) = of_kind(render_shape("gateway"), "HTTPRoute")
        (rule,) = route["spec"]["rules"]
        assert rule["matches"] == [{"path": {"type": "Exact", "value": "/webhooks/openphone"}}]

    def test_nothing_is_exposed_unasked(self) -> None:
        objects = render()
        assert not of_kind(objects, "Ingress") + of_kind(objects, "HTTPRoute")
        assert {service["spec"].get("type", "ClusterIP") for service in of_kind(objects, "Service")} == {"ClusterIP"}
