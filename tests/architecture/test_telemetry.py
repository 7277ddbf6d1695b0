"""What is deployed for traces speaks of attributes that exist."""

from pathlib import Path

import yaml

from services.core.runtime.telemetry import Attribute

ROOT = Path(__file__).parents[2]
OWN_POLICIES = ("string_attribute", "numeric_attribute")


def test_the_collectors_rules_ask_for_attributes_that_spans_have() -> None:
    documents = yaml.safe_load_all((ROOT / "k8s" / "observability" / "collector.yaml").read_text())
    [config] = [document for document in documents if document["kind"] == "ConfigMap"]
    collector = yaml.safe_load(config["data"]["collector.yaml"])
    policies = collector["processors"]["tail_sampling"]["policies"]
    keys = {policy[policy["type"]]["key"] for policy in policies if policy["type"] in OWN_POLICIES}
    assert keys
    assert keys <= set(Attribute)
    pipeline = collector["service"]["pipelines"]["traces"]
    assert set(pipeline["processors"]) == collector["processors"].keys()
    assert set(pipeline["exporters"]) == collector["exporters"].keys()
