"""Dashboards, alerts and their pages tell the same story as the code that counts."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from services.cli.app import app
from services.cli.laptop.identity import MEASURED
from services.core.runtime.prometheus import prometheus_name
from services.core.runtime.telemetry import Instrument, Kind
from services.core.usecases.instruments import INSTRUMENTS
from tests.chart.rendering import CHART, of_kind, render
from tests.tools.alert_drills import DRILLS
from tests.tools.dashboards import DASHBOARDS, FOLDER, text
from tests.tools.drill_stack import shortened

RULES = CHART / "files" / "rules" / "attackacrack.yaml"
RUNBOOKS = Path(__file__).parents[2] / "services" / "runbooks"
ALERT_TESTS = Path(__file__).with_name("alerts_test.yaml")
OF_OTHERS = re.compile(r"(keda|kube)_[a-z_]+")
SUFFIXES = {Kind.COUNTER: ("_total",), Kind.GAUGE: ("",), Kind.HISTOGRAM: ("_bucket", "_count", "_sum")}
EXPORTED: dict[str, Instrument] = {
    f"{prometheus_name(each)}{suffix}": each for each in INSTRUMENTS for suffix in SUFFIXES[each.kind]
}
SELECTOR = re.compile(r"\b([a-z][a-z0-9_]+)(?:\{([^}]*)\})?")
A_METRIC = re.compile(r"(attackacrack|keda|kube)_\w+|\w+_(total|bucket|count|sum|seconds)")
MATCHER = re.compile(r'([a-z_]+)(=~?)"([^"]*)"')
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
]
NAMES = [alert["alert"] for alert in ALERTS]


def metrics_in(expression: str) -> Iterator[tuple[str, str]]:
    """Each metric that an expression names, with its selector."""
    for name, selector in SELECTOR.findall(expression):
        if A_METRIC.fullmatch(name):
            yield name, selector


def check(expression: str) -> None:
    found = list(metrics_in(expression))
    assert found, f"no metric in {expression}"
    for name, selector in found:
        if OF_OTHERS.fullmatch(name):
            continue
        assert name in EXPORTED, f"{name} is not exported"
        labels = {label.replace(".", "_"): values for label, values in EXPORTED[name].labels.items()}
        for label, operator, value in MATCHER.findall(selector):
            assert label in labels, f"{name} has no label {label}"
            if operator == "=~":
                assert any(re.fullmatch(value, each) for each in labels[label]), (name, value)
            else:
                assert value in labels[label], (name, value)


class TestDashboards:
    @pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
    def test_what_is_shipped_is_what_the_table_says(self, dashboard: Any) -> None:
        shipped = (FOLDER / f"{dashboard.name}.json").read_text()
        assert shipped == text(dashboard), "write it anew: make dashboards"

    @pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
    def test_every_panel_shows_what_the_code_exports(self, dashboard: Any) -> None:
        for panel in json.loads(text(dashboard))["panels"]:
            for target in panel["targets"]:
                check(target["expr"])

    def test_every_instrument_is_on_a_dashboard(self) -> None:
        shown = " ".join(query for dashboard in DASHBOARDS for panel in dashboard.panels for query, _ in panel.queries)
        assert {each.name for each in INSTRUMENTS if prometheus_name(each) not in shown} == set()

    def test_each_is_a_config_map_for_grafana(self) -> None:
        maps = [
            found
            for found in of_kind(render({"monitoring": {"dashboards": {"enabled": True}}}), "ConfigMap")
            if found["metadata"]["labels"].get("grafana_dashboard") == "1"
        ]
        assert {key for each in maps for key in each["data"]} == {f"{each.name}.json" for each in DASHBOARDS}
        assert all(json.loads(content)["panels"] for each in maps for content in each["data"].values())


class TestAlerts:
    @pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
    def test_it_asks_for_what_the_code_exports(self, alert: dict[str, Any]) -> None:
        check(alert["expr"])
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert alert["annotations"]["summary"].endswith(".")

    def test_each_has_its_page_and_its_tests(self) -> None:
        assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == sorted(NAMES)
        groups = yaml.safe_load(ALERT_TESTS.read_text())["tests"]
        cases = [case for group in groups for case in group["alert_rule_test"]]
        assert {case["alertname"] for case in cases if case["exp_alerts"]} == set(NAMES), "each fires in a test"
        assert {case["alertname"] for case in cases if not case["exp_alerts"]} == set(NAMES), "and is silent in one"

    def test_each_has_its_drill(self) -> None:
        assert sorted(alert for drill in DRILLS for alert in drill.alerts) == sorted(NAMES)

    def test_a_drill_shortens_what_prometheus_waits_for_and_nothing_else(self) -> None:
        pairs = list(zip(ALERTS, yaml.safe_load(shortened(RULES.read_text()))["groups"][0]["rules"], strict=True))
        for ours, short in pairs:
            assert short | {"for": "", "expr": ""} == ours | {"for": "", "expr": ""}
            assert re.sub(r"\[\w+\]", "", short["expr"]) == re.sub(r"\[\w+\]", "", ours["expr"])
        spans = [span for _, short in pairs for span in (short.get("for"), *re.findall(r"\[(\w+)\]", short["expr"]))]
        assert {span for span in spans if span} <= {"5s", "15s", "60s"}

    def test_the_chart_ships_them_with_their_pages(self) -> None:
        values = {"monitoring": {"prometheusRule": {"enabled": True, "runbookUrl": "https://example.com/pages/"}}}
        (rule,) = of_kind(render(values), "PrometheusRule")
        shipped = [each for group in rule["spec"]["groups"] for each in group["rules"]]
        ours = [re.sub(r"absent\((\w+)\)", r'absent(\1{namespace="texts"})', each["expr"]) for each in ALERTS]
        assert [each["expr"] for each in shipped] == ours
        assert sum("{namespace=" in each for each in ours) == 1, "an absence is this release's own"
        assert shipped[0]["annotations"]["runbook_url"] == f"https://example.com/pages/{NAMES[0]}.md"

    def test_nothing_is_shipped_unasked(self) -> None:
        kinds = {found["kind"] for found in render()}
        assert not kinds & {"PrometheusRule", "PodMonitor"}


class TestRunbooks:
    @pytest.mark.parametrize("name", NAMES)
    def test_its_commands_exist(self, name: str) -> None:
        root = typer.main.get_command(app)
        page = (RUNBOOKS / f"{name}.md").read_text()
        for words in (match.split() for match in re.findall(r"`attackacrack ([a-z][^`]*)`", page)):
            command: Any = root
            for word in words:
                if not hasattr(command, "commands"):
                    break
                assert word in command.commands, f"attackacrack {' '.join(words)}"
                command = command.commands[word]

    @pytest.mark.parametrize("name", NAMES)
    def test_it_says_what_to_do(self, name: str) -> None:
        page = (RUNBOOKS / f"{name}.md").read_text()
        assert page.startswith(f"# {name}\n")
        assert [part for part in ("Means", "Look", "Do", "Afterwards") if f"**{part}.**" not in page] == []


class TestCompose:
    def test_it_mounts_what_the_chart_ships(self) -> None:
        services = Path(__file__).parents[2] / "services"
        compose = yaml.safe_load((services / "compose.monitoring.yaml").read_text())["services"]
        mounted = [
            (services / volume.split(":")[0]).resolve()
            for name in ("prometheus", "grafana")
            for volume in compose[name]["volumes"]
        ]
        assert all(path.exists() for path in mounted)
        assert {FOLDER, RULES.parent} <= set(mounted)

    def test_prometheus_reads_every_role(self) -> None:
        config = yaml.safe_load((Path(__file__).parents[2] / "services/monitoring/prometheus.yaml").read_text())
        targets = config["scrape_configs"][0]["static_configs"][0]["targets"]
        assert targets == [f"{role.replace('_', '-')}:9464" for role in MEASURED]
