"""values.schema.json and values.yaml say the same, in both directions, and what they let through renders."""

import copy
import json
import random
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.chart.rendering import CHART, SHAPES, RenderRefused, helm, render

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
VALIDATOR = Draft7Validator(SCHEMA)
ROLES = ("webhookIngress", "console", "beat", "flower", "simulator")
POOLS = ("campaign", "webhook", "operations")
MUTATIONS = 60
REFUSAL = re.compile("schema|These values can't be installed")
JUNK: tuple[Any, ...] = (None, "", "x", -1, 0, 3.5, 10**12, True, [], ["x"], {}, {"x": 1}, "{{ .Values }}", "a\nb: c")


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].removeprefix("#/definitions/")]
    return schema


def object_schemas(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    schema = resolved(schema)
    if "properties" in schema:
        yield path, schema
        for name, part in schema["properties"].items():
            yield from object_schemas(part, f"{path}/{name}")


def leaves(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from leaves(value, (*path, key))
    else:
        yield path


def with_value(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    result: Any = value
    for key in reversed(path):
        result = {key: result}
    return dict(result)


LEAVES = sorted(leaves(VALUES))


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)


def test_the_defaults_are_valid() -> None:
    assert not list(VALIDATOR.iter_errors(VALUES))


def test_every_object_of_ours_is_closed() -> None:
    open_objects = [path for path, schema in object_schemas(SCHEMA) if schema.get("additionalProperties") is not False]
    assert open_objects == ["/global"]


def test_every_value_is_in_the_schema_and_every_property_in_the_values() -> None:
    optional = {"/disruptionBudget/minAvailable", "/pod/", "/selectPolicy", "/storeRef/", "/config/durations/"}
    for path, schema in object_schemas(SCHEMA):
        found: Any = VALUES
        for key in path.strip("/").split("/") if path else ():
            found = found.get(key) if isinstance(found, dict) else None
        missing = {f"{path}/{name}" for name in schema["properties"]} - {f"{path}/{name}" for name in found or {}}
        assert not [each for each in missing if not any(part in each for part in optional)], missing


def test_every_group_of_values_is_introduced() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    bare = [line for above, line in pairwise(lines) if line.split(":")[0] in VALUES and not above.startswith("#")]
    assert not bare


@pytest.mark.parametrize("role", ROLES)
def test_no_role_lacks_a_knob_that_another_has(role: str) -> None:
    common = {"resources", "pod", "terminationGracePeriodSeconds"}
    assert common <= SCHEMA["properties"][role]["properties"].keys()
    assert SCHEMA["properties"][role]["properties"]["pod"] == {"$ref": "#/definitions/pod"}


def test_pools_have_the_same_knobs() -> None:
    schemas = [SCHEMA["properties"]["workers"]["properties"][pool]["properties"] for pool in POOLS]
    assert schemas[0] == schemas[1]
    assert schemas[2].keys() - schemas[0].keys() == {"kubernetesAccess"}


@pytest.mark.parametrize("shape", SHAPES)
def test_supported_shapes_are_valid(shape: str) -> None:
    errors = VALIDATOR.iter_errors(yaml.safe_load(SHAPES[shape].read_text()))
    assert not [error for error in errors if error.validator != "required"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"bogus": 1}, "additional properties 'bogus' not allowed"),
        ({"workers": {"campaign": {"bogus": 1}}}, "/workers/campaign"),
        ({"workers": {"extra": {}}}, "additional properties 'extra' not allowed"),
        ({"image": {"digest": "sha256:1"}}, "/image/digest"),
        ({"autoscaling": {"mode": "always"}}, "'auto', 'keda', 'hpa', 'none'"),
        ({"workers": {"campaign": {"autoscaling": {"target": 2.5}}}}, "/workers/campaign/autoscaling/target"),
        ({"workers": {"campaign": {"autoscaling": {"target": 0}}}}, "/workers/campaign/autoscaling/target"),
        ({"workers": {"campaign": {"queues": []}}}, "/workers/campaign/queues"),
        ({"workers": {"campaign": {"queues": ["others"]}}}, "/workers/campaign/queues/0"),
        ({"workers": {"campaign": {"resources": {"limits": {"cpu": "1"}}}}}, ""),
        ({"config": {"contactFrequency": "a month"}}, "/config/contactFrequency"),
        ({"config": {"numberDailyCap": 0}}, "/config/numberDailyCap"),
        ({"provider": {"baseUrl": "http://plain.example"}}, "/provider/baseUrl"),
        ({"provider": {"phoneNumber": "2125550100"}}, "/provider/phoneNumber"),
        ({"webhookIngress": {"expose": {"paths": ["/"]}}}, "/webhookIngress/expose/paths/0"),
        ({"webhookIngress": {"replicas": 0}}, "/webhookIngress/replicas"),
        ({"fullnameOverride": "Capital"}, "/fullnameOverride"),
        ({"commonLabels": {"a": "not a label"}}, "/commonLabels/a"),
        ({"otel": {"endpoint": "collector:4318"}}, "/otel/endpoint"),
        ({"networkPolicy": {"redisCidrs": ["10.0.0.1"]}}, "/networkPolicy/redisCidrs/0"),
        ({"flower": {"user": "a:b"}}, "/flower/user"),
    ],
)
def test_wrong_values_are_named(values: dict[str, Any], says: str) -> None:
    if not says:
        assert render(values)  # limits are merged with the default's memory
        return
    with pytest.raises(RenderRefused) as refused:
        render(values)
    assert says in str(refused.value)


def test_mutations_are_refused_in_words_or_render_to_objects() -> None:
    """Never a fault of the templates' own, never what Go prints for a missing value."""
    chosen = random.Random(7)
    mutations = [(chosen.choice(LEAVES), copy.deepcopy(chosen.choice(JUNK))) for _ in range(MUTATIONS)]
    texts = [(path, outcome_of(with_value(path, value))) for path, value in mutations]
    refused = [(path, text) for path, (is_refused, text) in texts if is_refused]
    rendered = [(path, text) for path, (is_refused, text) in texts if not is_refused]
    assert refused
    assert rendered
    assert not [each for each in refused if not REFUSAL.search(each[1])]
    assert not [each for each in rendered if "<no value>" in each[1] or "%!" in each[1]]


def outcome_of(values: dict[str, Any]) -> tuple[bool, str]:
    """Whether helm refused the values, and what it said or made."""
    try:
        return False, json.dumps(render(values))
    except RenderRefused as refused:
        return True, str(refused)


def test_show_values_prints_what_the_file_says() -> None:
    assert yaml.safe_load(helm("show", "values", str(CHART))) == VALUES
