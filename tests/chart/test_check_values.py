"""Every wrong combination of values is refused with its path and the remedy, and its nearest right one is not."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, RELEASE, SHAPES, Pod, RenderRefused, pods_of, render

QUO = {
    "provider": {"kind": "quo", "phoneNumberId": "PNyours"},
    "simulator": {"enabled": False},
    "secrets": {"provider": {"existingSecret": "key"}, "webhook": {"existingSecret": "signing"}},
}
DATABASE_OUTSIDE = {
    "bundled": {"postgresql": {"enabled": False}},
    "secrets": {"database": {"existingSecret": "texts-app"}},
}
OWN_LOGINS = {
    key: f"{key}-url"
    for key in ("webhookIngress", "console", "campaignWorker", "webhookWorker", "operationsWorker", "beat")
}
REDIS_OUTSIDE = {
    "bundled": {"valkey": {"enabled": False}},
    "redis": {"host": "redis.example"},
    "secrets": {"redis": {"existingSecret": "redis"}, "kedaRedis": {"existingSecret": "keda"}},
}


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            known = result.get(key)
            result[key] = merged(known, value) if isinstance(known, dict) and isinstance(value, Mapping) else value
    return result


def worker(**values: Any) -> dict[str, Any]:
    return {"workers": {"campaign": values}}


SLOW_TASKS = {
    "celery": {"timeLimitSeconds": 60, "softShutdownSeconds": 60},
    "workers": {pool: {"terminationGracePeriodSeconds": 75} for pool in ("campaign", "webhook", "operations")},
}

WRONG = [
    ({"celery": {"softTimeLimitSeconds": 45}}, "celery.softTimeLimitSeconds: 45 is not below"),
    ({"celery": {"softShutdownSeconds": 44}}, "celery.softShutdownSeconds: 44 is below"),
    (worker(terminationGracePeriodSeconds=59), "workers.campaign.terminationGracePeriodSeconds: 59 is below"),
    ({"celery": {"visibilityTimeoutSeconds": 149}}, "celery.visibilityTimeoutSeconds: 149 is below twice"),
    ({"config": {"durations": {"inboxLease": "PT45S"}}}, "config.durations.inboxLease: 45 s is not above"),
    ({"config": {"durations": {"runLease": 45}}}, "config.durations.runLease: 45 s is not above"),
    (
        merged(SLOW_TASKS, {"config": {"durations": {"inboxLease": "PT1M1S"}}}),
        "config.durations.runLease: 60 s is not above celery.timeLimitSeconds 60",
    ),
    ({"webhookIngress": {"drainSeconds": 21}}, "webhookIngress.terminationGracePeriodSeconds: 45 is below"),
    (worker(autoscaling={"minReplicas": 5}), "workers.campaign.autoscaling.minReplicas: 5 is above maxReplicas 4"),
    (
        {"webhookIngress": {"autoscaling": {"enabled": True, "minReplicas": 11}}},
        "webhookIngress.autoscaling.minReplicas: 11 is above",
    ),
    (worker(queues=["campaigns", "webhooks"]), "webhooks is served by workers.campaign already"),
    ({"workers": {"operations": {"queues": ["priority"]}}}, "no pool serves the queue default"),
    (
        {"secrets": {"database": {"existingSecret": "texts-app"}}},
        "bundled.postgresql.enabled: an external database is set too",
    ),
    ({"bundled": {"postgresql": {"enabled": False}}}, "secrets.database: no database is set"),
    (
        merged(DATABASE_OUTSIDE, {"secrets": {"database": {"keys": {"beat": "beat"}}}}),
        "secrets.database.keys: beat signs in by itself and campaignWorker does not",
    ),
    (
        {"secrets": {"database": {"keys": OWN_LOGINS}}},
        "secrets.database.keys.beat: there is no Secret of yours",
    ),
    (
        merged(
            DATABASE_OUTSIDE,
            {
                "secrets": {
                    "database": {
                        "existingSecret": "",
                        "keys": OWN_LOGINS,
                        "externalSecret": {
                            "enabled": True,
                            "storeRef": {"name": "vault"},
                            "remoteRefs": {key: {"key": "texts"} for key in ("url", *OWN_LOGINS) if key != "beat"},
                        },
                    }
                }
            },
        ),
        "secrets.database.externalSecret.remoteRefs: beat is among the keys",
    ),
    ({"redis": {"host": "redis.example"}}, "bundled.valkey.enabled: an external Redis is set too"),
    ({"bundled": {"valkey": {"enabled": False}}}, "secrets.redis: no Redis is set"),
    (merged(REDIS_OUTSIDE, {"redis": {"host": ""}}), "redis.host: an external Redis needs its host"),
    (merged(REDIS_OUTSIDE, {"secrets": {"kedaRedis": {"existingSecret": ""}}}), "secrets.kedaRedis: the autoscaler"),
    ({"secrets": {"kedaRedis": {"password": "x"}}}, "secrets.kedaRedis: the bundled Valkey makes this user"),
    ({"secrets": {"flower": {"existingSecret": "a", "password": "b"}}}, "secrets.flower: existingSecret and values"),
    (
        {"secrets": {"flower": {"password": "b", "externalSecret": {"enabled": True}}}},
        "secrets.flower.externalSecret: another source",
    ),
    ({"secrets": {"flower": {"externalSecret": {"enabled": True}}}}, "secrets.flower.externalSecret: storeRef"),
    (merged(QUO, {"simulator": {"enabled": True}}), "simulator.enabled: the simulator has no place"),
    (merged(QUO, {"secrets": {"provider": {"existingSecret": ""}}}), "secrets.provider: a real provider's secret"),
    (merged(QUO, {"secrets": {"webhook": {"existingSecret": ""}}}), "secrets.webhook: a real provider's secret"),
    (merged(QUO, {"config": {"timeScale": 2}}), "config.timeScale: only the simulator's time"),
    (merged(QUO, {"development": {"reload": True}}), "development.reload: not with a real provider"),
    (merged(QUO, {"provider": {"phoneNumberId": "PNsimulator"}}), "provider.phoneNumberId: PNsimulator"),
    ({"simulator": {"enabled": False}}, "simulator.enabled: provider.kind is simulator, and there is none"),
    ({"beat": {"replicas": 2, "lease": False}}, "beat.replicas: 2 clocks without a lease"),
    ({"flower": {"service": {"type": "NodePort"}}}, "flower.service.type: NodePort"),
    ({"webhookIngress": {"expose": {"type": "ingress"}}}, "webhookIngress.expose.host: type ingress"),
    ({"webhookIngress": {"expose": {"type": "gateway", "host": "a.example"}}}, "webhookIngress.expose.parentRefs"),
    ({"migrations": {"mode": "hook"}}, "migrations.mode: hook runs before the bundled database"),
    (
        {
            "migrations": {"mode": "hook"},
            "bundled": {"postgresql": {"enabled": False}},
            "secrets": {"database": {"url": "postgresql+psycopg://a@b/c"}},
        },
        "migrations.mode: hook runs before the release's own Secrets",
    ),
    (
        merged(QUO, {"provider": {"baseUrl": "https://api.quo.com.evil.example"}}),
        "provider.baseUrl: api.quo.com.evil.example is not the provider's host",
    ),
    (
        merged(REDIS_OUTSIDE, {"secrets": {"redis": {"existingSecret": "", "url": "redis://:p%40:x@other:6379/0"}}}),
        "redis.host: redis.example is not the host",
    ),
    (
        merged(REDIS_OUTSIDE, {"secrets": {"redis": {"existingSecret": "", "url": "rediss://redis.example"}}}),
        "redis.tls: false does not fit",
    ),
    ({"authorities": {"configMap": "a", "secret": "b"}}, "authorities: configMap and secret exclude"),
    (
        {"commonLabels": {"app.kubernetes.io/name": "x"}},
        "commonLabels: app.kubernetes.io/name is the chart's own label",
    ),
    (worker(pod={"labels": {"helm.sh/chart": "x"}}), "workers.campaign.pod.labels: helm.sh/chart is the chart's own"),
    ({"pod": {"extraEnv": [{"name": "POD_NAME"}]}}, "pod.extraEnv: POD_NAME is set already"),
    (
        {"tests": {"pod": {"extraVolumes": [{"name": "a"}, {"name": "a"}]}}},
        "tests.pod.extraVolumes: a is set already",
    ),
    ({"nameOverride": "a" * 34}, "nameOverride: a{34} has more than 33"),
    ({"fullnameOverride": "a" * 34}, "fullnameOverride: a{34} has more than 33"),
    ({"image": {"tag": "latest"}}, "image.tag: latest can't be rolled back"),
    ({"bundled": {"valkey": {"image": {"tag": "latest"}}}}, "bundled.valkey.image.tag: latest"),
]

RIGHT = [
    {"celery": {"softTimeLimitSeconds": 44}},
    worker(terminationGracePeriodSeconds=60),
    {"celery": {"visibilityTimeoutSeconds": 150}},
    {"config": {"durations": {"inboxLease": "PT45.5S", "runLease": "PT0H1M"}}},
    merged(SLOW_TASKS, {"config": {"durations": {"inboxLease": "P1DT1S", "runLease": 61}}}),
    {"webhookIngress": {"drainSeconds": 20}},
    worker(autoscaling={"minReplicas": 4}),
    {
        "workers": {
            "campaign": {"queues": ["campaigns", "webhooks"]},
            "webhook": {"queues": ["priority"]},
            "operations": {"queues": ["default"]},
        }
    },
    DATABASE_OUTSIDE,
    merged(DATABASE_OUTSIDE, {"secrets": {"database": {"keys": OWN_LOGINS}}}),
    REDIS_OUTSIDE,
    QUO,
    {"beat": {"replicas": 2}},
    {"beat": {"replicas": 1, "lease": False}},
    {"flower": {"service": {"type": "NodePort"}, "allowInsecureExpose": True}},
    {"flower": {"enabled": False, "service": {"type": "NodePort"}}},
    {"webhookIngress": {"expose": {"type": "ingress", "host": "a.example"}}},
    {"migrations": {"mode": "none"}},
    merged(DATABASE_OUTSIDE, {"migrations": {"mode": "hook"}}),
    {"fullnameOverride": "a" * 33},
    {"authorities": {"secret": "b"}},
    merged(QUO, {"provider": {"baseUrl": "https://gateway.example", "allowOtherHost": True}}),
    merged(
        REDIS_OUTSIDE,
        {"redis": {"tls": True}, "secrets": {"redis": {"existingSecret": "", "url": "rediss://u:p@redis.example:1/0"}}},
    ),
    {"image": {"tag": "latest", "digest": f"sha256:{'0' * 64}"}},
]


@pytest.mark.parametrize(("values", "says"), WRONG, ids=[says for _, says in WRONG])
def test_wrong(values: dict[str, Any], says: str) -> None:
    with pytest.raises(RenderRefused) as refused:
        render(values)
    assert re.search(rf"^- .*{says.replace('.', '[.]')}.*: .+", str(refused.value), re.MULTILINE)


@pytest.mark.parametrize("values", RIGHT)
def test_right(values: dict[str, Any]) -> None:
    assert render(values)


def test_keda_must_be_there_when_it_is_asked_for() -> None:
    with pytest.raises(RenderRefused, match=r"autoscaling\.mode: keda needs KEDA 2\.17.*install KEDA"):
        render({"autoscaling": {"mode": "keda"}}, has_keda=False)


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(RenderRefused) as refused:
        render({"beat": {"replicas": 2, "lease": False}, "image": {"tag": "latest"}, "migrations": {"mode": "hook"}})
    assert len(re.findall(r"^- ", str(refused.value), re.MULTILINE)) == 4


def test_every_rule_has_a_case() -> None:
    templates = (CHART / "templates" / "check-values.yaml").read_text()
    rules = re.findall(r'append \$faults \(?(?:printf )?"([^"]+)"', templates)
    assert len(rules) == templates.count("$faults = append $faults")
    said = [refusal(values) for values, _ in WRONG]
    said += [refusal({"autoscaling": {"mode": "keda"}}, has_keda=False), refusal({}, release="1abc")]
    rules.remove(next(rule for rule in rules if "the volume is there" in rule))  # e2e/cluster/test_refusals.py has it
    for rule in rules:
        pattern = re.sub(r"%[svd]", ".+", re.escape(rule).replace("\\%", "%"))
        assert any(re.search(pattern, text) for text in said), f"no case for: {rule}"


def refusal(values: Mapping[str, Any], *, has_keda: bool = True, release: str = RELEASE) -> str:
    with pytest.raises(RenderRefused) as refused:
        render(values, has_keda=has_keda, release=release)
    return str(refused.value)


@pytest.mark.parametrize("shape", SHAPES)
def test_supported_shapes_pass(shape: str) -> None:
    values = yaml.safe_load(SHAPES[shape].read_text())
    assert render(values)


@pytest.mark.parametrize("release", ["1abc", "a.b-1"])
def test_a_name_that_no_service_can_have(release: str) -> None:
    with pytest.raises(RenderRefused, match=rf"fullnameOverride: {re.escape(release)}-attackacrack.*: choose"):
        render(release=release)
    assert render({"fullnameOverride": "texts"}, release=release)


class TestWhatTheChartSetsItself:
    """The names that values may not take are those that the renderings have."""

    OWN: Mapping[str, list[str]] = yaml.safe_load((CHART / "files" / "own-names.yaml").read_text())
    TRUSTED: Mapping[str, Any] = {"authorities": {"secret": "private"}}

    def test_names_of_variables(self) -> None:
        made = {entry["name"] for pod in self.pods() for each in pod.containers for entry in each.get("env", [])}
        assert made == set(self.OWN["extraEnv"])

    def test_names_of_volumes(self) -> None:
        assert {volume["name"] for pod in self.pods() for volume in pod.spec["volumes"]} == set(
            self.OWN["extraVolumes"]
        )

    def test_paths_of_mounts(self) -> None:
        made = {mount["mountPath"] for pod in self.pods() for each in pod.containers for mount in each["volumeMounts"]}
        assert made == set(self.OWN["extraVolumeMounts"])

    def test_keys_of_labels(self) -> None:
        made = {key for pod in pods_of(render()) for key in pod.template["metadata"]["labels"]}
        assert made == set(self.OWN["labels"])

    def pods(self) -> list[Pod]:
        bundled = ("postgresql", "valkey", "jaeger", "provider-simulator")
        return [
            Pod(pod.owner, {**pod.template, "spec": {**pod.spec, "initContainers": []}})
            for pod in pods_of(render(self.TRUSTED))
            if pod.component not in bundled
        ]
