"""What is deployed for traces speaks of attributes that exist."""

import re
from pathlib import Path

import yaml

from services.core.runtime.telemetry import Attribute
from services.core.usecases.instruments import INSTRUMENTS

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


def test_every_instrument_is_declared_where_it_is_found_and_has_its_place() -> None:
    """One that is made elsewhere would have no cell in the table, and its first count would fail the work."""
    made = re.compile(r"^(\w+) = Instrument\(", re.MULTILINE)
    sources = {path: path.read_text() for path in (ROOT / "services").rglob("*.py")}
    declared = {path: made.findall(text) for path, text in sources.items() if "Instrument(" in text}
    declaring = {path.name for path, names in declared.items() if names}
    assert declaring == {"instruments.py", "telemetry.py"}
    assert sum(text.count(" = Instrument(") for text in sources.values()) == sum(map(len, declared.values()))
    assert sum(map(len, declared.values())) == len(INSTRUMENTS)
