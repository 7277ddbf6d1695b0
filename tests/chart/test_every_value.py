"""No value is decoration: whatever is changed in values.yaml changes what is rendered."""

import json
import re
import tempfile
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, KEDA, RenderRefused, helm, pods_of, render
from tests.chart.test_check_values import DATABASE_OUTSIDE, QUO, REDIS_OUTSIDE, merged
from tests.chart.test_values_schema import LEAVES, REFUSAL, SCHEMA, VALUES, resolved, with_value

MARK = "changed"
RANDOM = re.compile(r"checksum/|#[0-9a-f]{64}|-migrate-[0-9a-f]{8}|^ *(password|url|standard|legacy|api-key): ")
PRIVATE = "10.0.0.0/8"
Values = Mapping[str, Any]

EXTERNAL: Values = {
    "enabled": True,
    "storeRef": {"name": "vault", "kind": "SecretStore"},
    "remoteRefs": {"password": {"key": "texts"}},
}
SOURCES: Mapping[str, Values] = {
    "database": merged(DATABASE_OUTSIDE, {"secrets": {"database": {"existingSecret": ""}}}),
    "redis": merged(REDIS_OUTSIDE, {"secrets": {"redis": {"existingSecret": ""}}}),
    "kedaRedis": merged(REDIS_OUTSIDE, {"secrets": {"kedaRedis": {"existingSecret": ""}}}),
    "provider": {},
    "webhook": {},
    "flower": {},
}
OWN_LOGINS: Values = {
    "existingSecret": "theirs",
    "keys": {key: "theirs" for key in VALUES["secrets"]["database"]["keys"] if key != "url"},
}
GATEWAY: Values = {"provider": {"baseUrl": "https://gateway.example"}}

# What must be so for a value to matter, by the beginning of its path; the longest beginning counts.
CONDITIONS: Mapping[str, Values] = {
    "autoscaling/targetCPUUtilizationPercentage": {"autoscaling": {"mode": "hpa"}},
    "authorities/key": {"authorities": {"secret": "private"}},
    "celery/timeLimitSeconds": {"celery": {"softShutdownSeconds": 60}},
    "database/port": DATABASE_OUTSIDE,
    "flower/allowInsecureExpose": {"flower": {"service": {"type": "NodePort"}}},
    "flower/service/type": {"flower": {"allowInsecureExpose": True}},
    "monitoring/dashboards/": {"monitoring": {"dashboards": {"enabled": True}}},
    "monitoring/podMonitor/": {"monitoring": {"podMonitor": {"enabled": True}}},
    "monitoring/prometheusRule/": {"monitoring": {"prometheusRule": {"enabled": True}}},
    "networkPolicy/databaseCidrs": DATABASE_OUTSIDE,
    "networkPolicy/ingressController": {"webhookIngress": {"expose": {"type": "ingress", "host": "texts.example"}}},
    "networkPolicy/otlpCidrs": {"otel": {"endpoint": "http://collector:4318"}},
    "networkPolicy/prometheus": {"monitoring": {"podMonitor": {"enabled": True}}},
    "networkPolicy/providerCidrs": QUO,
    "networkPolicy/redisCidrs": REDIS_OUTSIDE,
    "provider/allowOtherHost": merged(QUO, GATEWAY),
    "provider/baseUrl": merged(QUO, GATEWAY, {"provider": {"allowOtherHost": True}}),
    "redis/": REDIS_OUTSIDE,
    "webhookIngress/autoscaling/": {"webhookIngress": {"autoscaling": {"enabled": True}}},
    "webhookIngress/expose/": {"webhookIngress": {"expose": {"type": "ingress", "host": "texts.example"}}},
    "webhookIngress/expose/parentRefs": {
        "webhookIngress": {"expose": {"type": "gateway", "host": "texts.example", "parentRefs": [{"name": "public"}]}}
    },
    "webhookIngress/expose/type": {},
    **{f"workers/{pool}/replicas": {"autoscaling": {"mode": "none"}} for pool in VALUES["workers"]},
    **{
        f"workers/{pool}/autoscaling/{key}": {"workers": {pool: {"autoscaling": {"minReplicas": 0}}}}
        for pool in ("webhook", "operations")
        for key in ("pollingInterval", "cooldownPeriod", "initialCooldownPeriod")
    },
    **{
        f"secrets/{secret}/{key}": merged(source, {"secrets": {secret: {"existingSecret": "theirs"}}})
        for secret, source in SOURCES.items()
        for key in ("keys", "existingSecret")
    },
    **{
        f"secrets/{secret}/externalSecret/": merged(source, {"secrets": {secret: {"externalSecret": EXTERNAL}}})
        for secret, source in SOURCES.items()
    },
    **{
        f"secrets/database/keys/{key}": merged(SOURCES["database"], {"secrets": {"database": OWN_LOGINS}})
        for key in OWN_LOGINS["keys"]
    },
    "secrets/kedaRedis/username": merged(SOURCES["kedaRedis"], {"secrets": {"kedaRedis": {"password": "x"}}}),
}
# Switches and choices that go together with others.
TOGETHER: Mapping[str, Values] = {
    "autoscaling/mode": {"autoscaling": {"mode": "none"}},
    "migrations/mode": {"migrations": {"mode": "none"}},
    "bundled/postgresql/enabled": DATABASE_OUTSIDE,
    "bundled/valkey/enabled": REDIS_OUTSIDE,
    "provider/kind": QUO,
    "simulator/enabled": QUO,
    "webhookIngress/expose/type": {"webhookIngress": {"expose": {"type": "ingress", "host": "texts.example"}}},
    **{
        f"workers/{pool}/queues": {"workers": {pool: {"queues": queues}, other: {"queues": rest}}}
        for pool, queues, other, rest in (
            ("campaign", ["campaigns", "default"], "operations", ["priority"]),
            ("webhook", ["webhooks", "default"], "operations", ["priority"]),
            ("operations", ["default"], "campaign", ["campaigns", "priority"]),
        )
    },
    "secrets/database/url": merged(SOURCES["database"], {"secrets": {"database": {"url": f"postgres://{MARK}"}}}),
    "secrets/redis/url": merged(SOURCES["redis"], {"secrets": {"redis": {"url": f"redis://:{MARK}@redis.example"}}}),
    "secrets/kedaRedis/password": merged(SOURCES["kedaRedis"], {"secrets": {"kedaRedis": {"password": MARK}}}),
    **{
        f"secrets/{secret}/externalSecret/enabled": merged(source, {"secrets": {secret: {"externalSecret": EXTERNAL}}})
        for secret, source in SOURCES.items()
    },
}
EXAMPLES: Mapping[str, Any] = {
    "affinity": {"nodeAffinity": {}},
    "allowedCountries": ["US", "CA"],
    "baseUrl": "https://changed.example",
    "businessZone": "America/Chicago",
    "cidrs": [PRIVATE],
    "closedDays": ["2026-12-24"],
    "console": [{"ipBlock": {"cidr": PRIVATE}}],
    "consoleUrl": "https://changed.example",
    "contactFrequency": "P31D",
    "cpu": "77m",
    "databaseCidrs": [PRIVATE],
    "digest": f"sha256:{'0' * 64}",
    "durations": {"lease": "PT61S"},
    "endpoint": f"http://{MARK}:4318",
    "extraEgress": [{"ports": [{"port": 1}]}],
    "extraEnv": [{"name": MARK, "value": "1"}],
    "extraIngress": [{"ports": [{"port": 1}]}],
    "extraManifests": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": MARK}}],
    "extraTriggers": [{"type": "cpu", "name": "cpu", "metadata": {"value": "50"}}],
    "extraVolumeMounts": [{"name": MARK, "mountPath": "/changed"}],
    "extraVolumes": [{"name": MARK, "emptyDir": {}}],
    "hostUsers": True,
    "imagePullSecrets": [{"name": MARK}],
    "interval": "31s",
    "maxUnavailable": 2,
    "memory": "999Mi",
    "nodeLocalCidr": "10.0.0.1/32",
    "otlpCidrs": [PRIVATE],
    "parentRefs": [{"name": MARK}],
    "paths": ["/webhooks/changed"],
    "phoneNumber": "+12125550199",
    "phoneNumberId": "PNchanged",
    "pod": {"labels": {MARK: MARK}},
    "policies": [{"type": "Pods", "value": 9, "periodSeconds": 9}],
    "ports": [7443],
    "providerCidrs": [PRIVATE],
    "queryUrl": f"http://{MARK}:16686",
    "rate": 9,
    "redisCidrs": [PRIVATE],
    "refreshInterval": "2h",
    "remoteRefs": {"password": {"key": MARK}},
    "runbookUrl": "https://changed.example",
    "signatureTolerance": "PT6M",
    "size": "9Gi",
    "storeRef": {"name": MARK, "kind": "SecretStore"},
    "tolerations": [{"operator": "Exists"}],
    "uploads": "999Mi",
    "webhookBodyTimeout": "PT11S",
}


def value_at(path: tuple[str, ...]) -> Any:
    value: Any = VALUES
    for key in path:
        value = value[key]
    return value


def test_a_common_value_reaches_the_pods_of_every_role_and_a_roles_own_wins() -> None:
    """The kind: the empty default of a role beats the common value."""
    common = {key: EXAMPLES[key] for key in SCHEMA["definitions"]["pod"]["properties"] if key in EXAMPLES}
    common |= {"labels": {"common": "1"}, "annotations": {"common": "1"}, "nodeSelector": {"common": "1"}}
    common |= {"priorityClassName": "common"}
    assert common.keys() == SCHEMA["definitions"]["pod"]["properties"].keys()
    own = {"priorityClassName": "own", "labels": {"own": "1"}, "tolerations": [{"key": "own", "operator": "Exists"}]}
    for pod in pods_of(render({"pod": common, "beat": {"pod": own}})):
        is_own = pod.component == "beat"
        metadata = pod.template["metadata"]
        assert metadata["labels"]["common"] == metadata["annotations"]["common"] == "1", pod.name
        assert pod.spec["nodeSelector"] == {"common": "1"}, pod.name
        assert pod.spec["affinity"] == common["affinity"], pod.name
        assert pod.spec["priorityClassName"] == ("own" if is_own else "common"), pod.name
        assert pod.spec["tolerations"] == (own if is_own else common)["tolerations"], pod.name
        if pod.component in ("postgresql", "valkey", "jaeger"):
            continue  # what is bundled has containers of its own
        assert common["extraVolumes"][0] in pod.spec["volumes"], pod.name
        ours = [each for each in pod.containers if each["name"] != "wait-for-postgresql"]
        assert all(common["extraEnv"][0] in each["env"] for each in ours), pod.name
        assert all(common["extraVolumeMounts"][0] in each["volumeMounts"] for each in ours), pod.name


@pytest.mark.parametrize("path", LEAVES, ids="/".join)
def test_a_value_changes_what_is_rendered(path: tuple[str, ...]) -> None:
    name = "/".join(path)
    base = condition_of(path)
    other = TOGETHER.get(name) or merged(base, with_value(path, changed(path, value_at(path))))
    changed_text, said = rendered(json.dumps(other))
    assert changed_text, said
    assert changed_text != rendered(json.dumps(base))[0]


@pytest.mark.parametrize("path", [path for path in LEAVES if isinstance(value_at(path), str)], ids="/".join)
@pytest.mark.parametrize("text", ["a\nb: c", "x: y #z"], ids=["a line more", "a comment"])
def test_a_text_stays_a_text(path: tuple[str, ...], text: str) -> None:
    """The kind: a value that is pasted into YAML can say more than its place does."""
    made, said = rendered(json.dumps(merged(condition_of(path), with_value(path, text))))
    if not made:
        assert REFUSAL.search(said), said
        return
    assert all(isinstance(each, dict | None) for each in yaml.load_all(made, Loader=yaml.CSafeLoader))
    assert made.replace(json.dumps(text)[1:-1], "") != made or path[0] == "secrets"


def condition_of(path: tuple[str, ...]) -> Values:
    name = "/".join(path)
    beginnings = [where for where in CONDITIONS if name.startswith(where) and not name.endswith("/enabled")]
    return CONDITIONS[max(beginnings, key=len)] if beginnings else {}


def changed(path: tuple[str, ...], value: Any) -> Any:
    """Another value that the schema lets through."""
    schema, key = described(path), path[-1]
    if key in EXAMPLES and not isinstance(value, bool) and "keys" not in path:
        return EXAMPLES[key]
    if "enum" in schema:
        return next(each for each in schema["enum"] if each != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if value + 1 <= schema.get("maximum", value + 1) else value / 2
    return {MARK: MARK} if isinstance(value, dict) else MARK


def described(path: tuple[str, ...]) -> dict[str, Any]:
    """The schema of the value at a path, or an empty one where any value may stand."""
    schema: Any = SCHEMA
    for key in path:
        schema = resolved(schema)
        schema = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
        if not isinstance(schema, dict):
            return {}
    return resolved(schema)


@cache
def rendered(values: str) -> tuple[str, str]:
    """What helm makes of the values, without what is new at every rendering; else nothing, and why."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(values)
        file.flush()
        try:
            text = helm("template", "texts", str(CHART), "--values", file.name, "--api-versions", KEDA)
        except RenderRefused as refused:
            return "", str(refused)
    return "\n".join(line for line in text.splitlines() if MARK in line or not RANDOM.search(line)), ""
