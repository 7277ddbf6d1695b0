"""What the autoscaler does with our objects: its schema, a model of its decision, and the user it counts with."""

import json
import math
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from redis import Redis
from redis.exceptions import NoPermissionError

from tests.chart.rendering import ROOT, Object, of_kind, one, render, render_shape
from tests.conftest import ValkeyProcess

SCHEMAS = ROOT.parent / "shared" / "reference" / "schemas"
POOLS = ("campaign", "webhook", "operations")
COUNT = """
local kind = redis.call('type', KEYS[1]).ok
if kind == 'list' then return redis.call('llen', KEYS[1]) end
if kind == 'hash' then return redis.call('hlen', KEYS[1]) end
return 0
"""


@cache
def scaled_object(pool: str) -> Object:
    spec: Object = one(render(), "ScaledObject", f"-{pool}-worker")["spec"]
    return spec


def desired(spec: Object, *, queued: int, inflight: int) -> int:
    """Where a pool ends up: KEDA between 0 and 1, then the average of its HPA."""
    depth = queued + inflight
    if depth <= float(spec["advanced"]["scalingModifiers"]["activationTarget"]):
        return int(spec["minReplicaCount"])
    wanted = math.ceil(depth / float(spec["advanced"]["scalingModifiers"]["target"]))
    return min(max(wanted, int(spec["minReplicaCount"]), 1), int(spec["maxReplicaCount"]))


def closed(schema: Any) -> Any:
    """The same schema, in which an object with named properties has no others."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "x-kubernetes-preserve-unknown-fields" not in schema:
        result.setdefault("additionalProperties", False)
    return result


@cache
def validator(kind: str) -> Draft202012Validator:
    path = SCHEMAS / f"keda.sh_{kind.lower()}s.yaml"
    if not path.exists():
        pytest.skip(f"the custom resource's schema is not here: {path.name}")
    (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
    schema = closed(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return Draft202012Validator(schema)


class TestSchema:
    @pytest.mark.parametrize("kind", ["ScaledObject", "TriggerAuthentication"])
    def test_objects_are_valid_and_have_no_unknown_field(self, objects: list[Object], kind: str) -> None:
        for found in of_kind(objects, kind):
            assert not list(validator(kind).iter_errors(found))

    @pytest.mark.parametrize(
        "change",
        [
            {"pollingIntervals": 5},
            {"minReplicaCount": "1"},
            {"scaleTargetRef": {}},
            {"fallback": {"replicas": 1}},
            {"triggers": None},
            {"advanced": {"scalingModifiers": {"formulas": "a"}}},
        ],
    )
    def test_the_closed_schema_finds_faults(self, change: Object) -> None:
        found = one(render(), "ScaledObject", "-campaign-worker")
        found["spec"] |= change
        assert list(validator("ScaledObject").iter_errors(found))

    def test_triggers_have_only_the_keys_of_their_type(self) -> None:
        path = SCHEMAS / "keda-scalers.json"
        if not path.exists():
            pytest.skip(f"the autoscaler's trigger keys are not here: {path.name}")
        scalers = {scaler["type"]: scaler for scaler in json.loads(path.read_text())["scalers"]}
        known = {parameter["name"] for parameter in scalers["redis"]["parameters"]}
        for trigger in scaled_object("campaign")["triggers"]:
            assert trigger["metadata"].keys() <= known
            assert all(isinstance(value, str) for value in trigger["metadata"].values())


class TestScaledObjects:
    @pytest.mark.parametrize("pool", POOLS)
    def test_the_fallback_is_one_that_fires(self, pool: str) -> None:
        """The scaler is dropped after its first error, so a threshold above 0 is never reached; and a target that is
        no integer switches the fallback off without a word.
        """
        spec = scaled_object(pool)
        assert spec["fallback"]["failureThreshold"] == 0
        assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
        assert spec["fallback"]["replicas"] <= spec["maxReplicaCount"]
        assert spec["advanced"]["scalingModifiers"]["target"].isdigit()
        assert spec["advanced"]["scalingModifiers"]["metricType"] == "AverageValue"

    @pytest.mark.parametrize("pool", POOLS)
    def test_never_idle_between_zero_and_the_least(self, pool: str) -> None:
        assert "idleReplicaCount" not in scaled_object(pool)
        assert scaled_object(pool)["advanced"]["restoreToOriginalReplicaCount"] is False

    def test_only_campaign_workers_go_to_zero(self) -> None:
        assert {pool: scaled_object(pool)["minReplicaCount"] for pool in POOLS} == {
            "campaign": 0,
            "webhook": 1,
            "operations": 1,
        }

    def test_where_the_broker_is(self) -> None:
        inside = scaled_object("webhook")["triggers"][0]["metadata"]
        assert inside["address"] == "attackacrack-valkey.texts.svc:6379"
        outside = one(render_shape("external-tls"), "ScaledObject", "-webhook-worker")["spec"]["triggers"][0][
            "metadata"
        ]
        assert outside["address"] == "redis.example.internal:6380"
        assert (outside["databaseIndex"], outside["enableTLS"]) == ("3", "true")

    def test_more_triggers_join_the_formula(self) -> None:
        spec = one(render_shape("everything"), "ScaledObject", "-campaign-worker")["spec"]
        assert spec["advanced"]["scalingModifiers"]["formula"] == "inflight + queued0 + afternoon"
        assert [trigger["name"] for trigger in spec["triggers"]] == ["inflight", "queued0", "afternoon"]


class TestDecision:
    @given(pool=st.sampled_from(POOLS), queued=st.integers(0, 10_000), inflight=st.integers(0, 200))
    def test_within_bounds_and_never_zero_while_anything_runs(self, pool: str, queued: int, inflight: int) -> None:
        spec = scaled_object(pool)
        pods = desired(spec, queued=queued, inflight=inflight)
        assert spec["minReplicaCount"] <= pods <= spec["maxReplicaCount"]
        assert pods >= 1 or queued + inflight == 0

    @given(pool=st.sampled_from(POOLS), queued=st.integers(0, 500), more=st.integers(0, 500))
    def test_more_work_never_means_fewer_pods(self, pool: str, queued: int, more: int) -> None:
        spec = scaled_object(pool)
        assert desired(spec, queued=queued, inflight=0) <= desired(spec, queued=queued + more, inflight=0)

    @pytest.mark.parametrize(
        ("queued", "inflight", "pods"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (4, 0, 1), (5, 0, 2), (12, 4, 4), (900, 8, 4)]
    )
    def test_campaign_workers(self, queued: int, inflight: int, pods: int) -> None:
        assert desired(scaled_object("campaign"), queued=queued, inflight=inflight) == pods


class TestUsers:
    """The rules of the bundled broker's users, in a real one."""

    @pytest.fixture
    def as_user(self, valkey_server: ValkeyProcess) -> Any:
        rules = one(render(), "Secret", "-valkey-users")["stringData"]["users.acl"].splitlines()
        admin = Redis.from_url(valkey_server.url, decode_responses=True)
        for rule in rules:
            _, name, *parts = rule.split()
            if name != "default":  # the test's own way in
                parts = [part for part in parts if not part.startswith("#")]
                admin.execute_command("ACL", "SETUSER", name, "reset", *parts, ">secret")
        admin.rpush("campaigns", "1", "2", "3")
        admin.hset("unacked:campaign", mapping={"a": "1", "b": "2"})
        admin.set("attackacrack:private", "1")
        yield lambda name: Redis(port=valkey_server.port, username=name, password="secret", decode_responses=True)
        for name in ("app", "keda", "probe"):
            admin.execute_command("ACL", "DELUSER", name)
        admin.close()

    def test_the_autoscaler_counts(self, as_user: Any) -> None:
        keda = as_user("keda")
        assert keda.eval(COUNT, 1, "campaigns") == 3
        assert keda.eval(COUNT, 1, "unacked:campaign") == 2
        assert keda.ping()

    @pytest.mark.parametrize(
        "command",
        [
            ("LPOP", "campaigns"),
            ("DEL", "campaigns"),
            ("EVAL", "return redis.call('lpop', KEYS[1])", "1", "campaigns"),
            ("LRANGE", "campaigns", "0", "-1"),
            ("HGETALL", "unacked:campaign"),
            ("TYPE", "attackacrack:private"),
            ("FLUSHALL",),
            ("CONFIG", "GET", "*"),
            ("KEYS", "*"),
        ],
    )
    def test_the_autoscaler_does_nothing_else(self, as_user: Any, command: tuple[str, ...]) -> None:
        with pytest.raises(Exception, match=r"NOPERM|no permissions|permission") as refused:
            as_user("keda").execute_command(*command)
        assert isinstance(refused.value, NoPermissionError) or "ermission" in str(refused.value)

    @pytest.mark.parametrize("command", [("FLUSHALL",), ("CONFIG", "GET", "*"), ("ACL", "LIST"), ("SHUTDOWN",)])
    def test_the_application_does_not_administer(self, as_user: Any, command: tuple[str, ...]) -> None:
        with pytest.raises(NoPermissionError):
            as_user("app").execute_command(*command)

    def test_the_application_queues_counts_and_looks(self, as_user: Any) -> None:
        app = as_user("app")
        app.lpush("webhooks", "1")
        assert app.brpop("webhooks", timeout=1) == ("webhooks", "1")
        app.zadd("unacked_index:webhook", {"a": 1.0})
        assert app.publish("celeryev/task.multi", "x") == 0
        assert "used_memory" in app.info("memory")
        assert app.set("unacked_mutex:webhook", "1", ex=5)

    def test_a_probe_pings(self, as_user: Any) -> None:
        assert as_user("probe").ping()
        with pytest.raises(NoPermissionError):
            as_user("probe").get("campaigns")
