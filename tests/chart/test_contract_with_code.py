"""The chart and the application agree on every name, number and command that crosses from one to the other."""

import ast
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr, TypeAdapter
from sqlalchemy import make_url
from typer.testing import CliRunner

from services.cli.app import app as cli
from services.cli.laptop.identity import MEASURED
from services.console import body
from services.core.queue.app import configuration
from services.core.queue.heartbeat import LIVE, READY, STARTED
from services.core.queue.names import POOLS, Queue
from services.core.queue.times import Times
from services.core.runtime.durations import Durations, TaskLimits
from services.core.runtime.settings import Settings, read_settings
from services.core.storage.rights import Component, login
from services.provider_simulator.settings import Settings as SimulatorSettings
from services.webhook_ingress.app import PATH
from tests.chart.rendering import CHART, Object, Pod, RenderRefused, of_kind, one, pod_of, pods_of, render, render_shape

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
PREFIX = "ATTACKACRACK_"
RUN_DIR = "/run/attackacrack"
NOT_IN_A_CLUSTER = {"data_dir", "failpoints", "place", "trace_receiver_port"}
SCRIPTS = sorted((CHART / "files" / "tests").glob("*.py"))

READERS = {
    "database_url": {
        *("webhook-ingress", "console", "campaign-worker", "webhook-worker", "operations-worker", "beat"),
        *("migrate", "test"),
    },
    "component_passwords": {"migrate"},
    "redis_url": {
        *("webhook-ingress", "console", "campaign-worker", "webhook-worker", "operations-worker", "beat"),
        *("flower", "test"),
    },
    "provider_api_key": {"console", "campaign-worker", "operations-worker"},
    "webhook_secrets_standard": {"webhook-ingress", "operations-worker", "test"},
    "webhook_secrets_legacy": {"webhook-ingress", "operations-worker", "test"},
    "flower_password": {"flower"},
    "simulator_api_key": {"provider-simulator"},
    "simulator_webhook_standard_key": {"provider-simulator"},
    "simulator_webhook_legacy_key": {"provider-simulator"},
}


def snake(name: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def secret_files(pod: Pod) -> set[str]:
    return {
        item["path"].removeprefix("attackacrack_")
        for volume in pod.spec["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        for item in source["secret"]["items"]
    }


def database_keys(objects: list[Object]) -> dict[str, str]:
    """Which key of the database's Secret each component reads."""
    return {
        pod.component: item["key"]
        for pod in pods_of(objects)
        for volume in pod.spec["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        for item in source["secret"]["items"]
        if item["path"] == "attackacrack_database_url"
    }


def environment(pod: Pod) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in pod.main.get("env", [])}


def configured(objects: list[Object]) -> dict[str, str]:
    data: dict[str, str] = one(objects, "ConfigMap", "-config")["data"]
    return data


class TestQueues:
    def test_pools_and_their_queues(self) -> None:
        chart = {name: values["queues"] for name, values in VALUES["workers"].items()}
        assert chart == {pool.name: [queue.value for queue in pool.queues] for pool in POOLS}

    @pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.name)
    def test_the_autoscaler_counts_what_waits_and_what_runs(self, pool: Any) -> None:
        scaled = one(render(), "ScaledObject", f"-{pool.name}-worker")
        counted = {trigger["name"]: trigger["metadata"]["listName"] for trigger in scaled["spec"]["triggers"]}
        assert sorted(counted.values()) == sorted([*pool.queues, pool.unacked_key])
        assert counted["inflight"] == pool.unacked_key
        formula = scaled["spec"]["advanced"]["scalingModifiers"]["formula"]
        assert sorted(formula.split(" + ")) == sorted(counted)

    def test_every_queue_can_be_chosen(self) -> None:
        schema = (CHART / "values.schema.json").read_text()
        assert all(f'"{queue}"' in schema for queue in Queue)


class TestSettings:
    def test_every_variable_is_a_setting(self) -> None:
        objects = render_shape("everything")
        named = set(configured(objects))
        for pod in pods_of(objects):
            named |= {name for name in environment(pod) if name.startswith(PREFIX)}
        plain = {name.removeprefix(PREFIX).lower() for name in named} - {"secrets_dir"}
        nested = {name for name in plain if "__" in name}
        assert plain - nested <= Settings.model_fields.keys()
        assert nested <= {f"durations__{name}" for name in Durations.model_fields} | {
            f"celery__{name}" for name in TaskLimits.model_fields
        }

    def test_every_setting_can_be_set(self) -> None:
        objects = render_shape("everything")
        named = {name.removeprefix(PREFIX).lower() for name in configured(objects)}
        named |= {name.removeprefix(PREFIX).lower() for pod in pods_of(objects) for name in environment(pod)}
        named |= {file for pod in pods_of(objects) for file in secret_files(pod)}
        named |= {name.partition("__")[0] for name in named}
        named |= {snake(key) for key in VALUES["config"]} | {f"provider_{snake(key)}" for key in VALUES["provider"]}
        assert Settings.model_fields.keys() - named == NOT_IN_A_CLUSTER

    def test_the_default_values_are_the_applications(self) -> None:
        fields = Settings.model_fields
        values = {snake(key): value for key, value in VALUES["config"].items()}
        values |= {
            f"provider_{snake(key)}": value
            for key, value in VALUES["provider"].items()
            if key not in ("kind", "allowOtherHost")
        }
        ours = {"environment", "provider_phone_number_id", "provider_phone_number"}
        for name, value in values.items():
            if value in ("", [], {}) or name in ours:
                continue
            adapter: TypeAdapter[Any] = TypeAdapter(fields[name].annotation or str)
            assert adapter.validate_python(value) == fields[name].default, name

    def test_the_whole_environment_makes_valid_settings(self, shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in configured(render_shape(shape)).items():
            monkeypatch.setenv(name, value)
        settings = Settings()
        assert settings.bind_host == "0.0.0.0"  # noqa: S104
        assert settings.provider.value == ("quo" if shape == "production" else "simulator")

    def test_zero_is_a_value_and_nothing_is_none(self) -> None:
        data = configured(render({"config": {"traceSampleRatio": 0}}))
        assert data["ATTACKACRACK_TRACE_SAMPLE_RATIO"] == "0"
        assert not data.keys() & {"ATTACKACRACK_CLOSED_DAYS", "ATTACKACRACK_HELP_TEXT", "ATTACKACRACK_REMINDER_TEXTS"}

    def test_ports(self) -> None:
        objects = render()
        settings = Settings()
        for component, port in (
            ("webhook-ingress", settings.ingress_port),
            ("console", settings.console_port),
            ("flower", settings.flower_port),
        ):
            assert {"name": "http", "containerPort": port} in pod_of(objects, component).main["ports"]

    def test_the_measured_roles_have_a_port_for_prometheus(self) -> None:
        objects = render()
        port = int(configured(objects)["ATTACKACRACK_METRICS_PORT"])
        measured = {
            pod.component
            for pod in pods_of(objects)
            if {"name": "metrics", "containerPort": port} in pod.main.get("ports", [])
        }
        assert measured == {role.replace("_", "-") for role in MEASURED}

    def test_the_public_path(self) -> None:
        assert VALUES["webhookIngress"]["expose"]["paths"] == [PATH.decode()]


class TestUploads:
    def test_the_largest_files_lie_on_a_disk_that_holds_as_many_as_the_console_takes(self) -> None:
        pod = pod_of(render(), "console")
        folder = environment(pod)["TMPDIR"]
        [mount] = [mount for mount in pod.main["volumeMounts"] if mount["mountPath"] == folder]
        [volume] = [volume for volume in pod.spec["volumes"] if volume["name"] == mount["name"]]
        assert "medium" not in volume["emptyDir"]
        size = int(volume["emptyDir"]["sizeLimit"].removesuffix("Mi")) << 20
        assert size > body.UPLOADS_AT_ONCE * body.LIMITS[body.Takes.CSV][0]

    @pytest.mark.parametrize("size", ["64Mi", "512Mi", "639Mi", "0Gi", "1"])
    def test_less_is_refused(self, size: str) -> None:
        with pytest.raises(RenderRefused, match="uploads"):
            render({"console": {"uploads": size}})


class TestSecrets:
    def test_each_is_read_by_exactly_those_who_need_it(self) -> None:
        objects = [found for found in render() if not found["metadata"]["name"].endswith("-test-campaign")]
        readers: dict[str, set[str]] = {}
        for pod in pods_of(objects):
            for file in secret_files(pod):
                readers.setdefault(file, set()).add(pod.component)
        assert readers == READERS

    def test_each_component_reads_the_address_of_its_own_login(self) -> None:
        """The bundled server's, made by the migration with the passwords that it reads."""
        objects = render()
        data = one(objects, "Secret", "-database")["stringData"]
        passwords = json.loads(one(objects, "Secret", "-postgresql-logins")["stringData"]["passwords"])
        assert passwords.keys() == set(Component)
        addresses = {component: make_url(data[key]) for component, key in database_keys(objects).items()}
        assert addresses.pop("migrate").username == "attackacrack"
        assert addresses.pop("test").username == login("attackacrack", Component.CONSOLE)
        assert {each.replace("-", "_") for each in addresses} == set(Component)
        for component, address in addresses.items():
            name = Component(component.replace("-", "_"))
            assert (address.username, address.password) == (login("attackacrack", name), passwords[name])
        assert len({address.password for address in addresses.values()}) == len(Component)

    def test_with_a_database_outside_each_reads_the_key_that_is_named_for_it(self) -> None:
        keys = {key: f"{key}-url" for key in VALUES["secrets"]["database"]["keys"]}
        outside = {
            "bundled": {"postgresql": {"enabled": False}},
            "secrets": {"database": {"existingSecret": "texts-app", "keys": keys}},
        }
        read = database_keys(render(outside))
        assert (read.pop("migrate"), read.pop("test")) == ("url-url", "console-url")
        assert {snake(key.removesuffix("-url")).replace("_", "-") for key in read.values()} == read.keys()
        assert len(set(read.values())) == len(Component)
        assert "component_passwords" not in secret_files(pod_of(render(outside), "migrate"))
        shared = {"bundled": outside["bundled"], "secrets": {"database": {"existingSecret": "texts-app"}}}
        assert set(database_keys(render(shared)).values()) == {"url"}

    def test_where_nobody_makes_the_logins_the_owner_s_address_is_read(self) -> None:
        objects = render({"migrations": {"mode": "none"}})
        assert set(database_keys(objects).values()) == {"url"}
        assert not [each for each in of_kind(objects, "Secret") if each["metadata"]["name"].endswith("-logins")]

    def test_each_is_a_setting_that_hides_its_value(self) -> None:
        for file in READERS:
            if name := file.removeprefix("simulator_") if file.startswith("simulator_") else "":
                assert name in SimulatorSettings.model_fields
            else:
                assert SecretStr.__name__ in str(Settings.model_fields[file].annotation), file

    def test_settings_find_the_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "attackacrack_flower_password").write_text("from a file")
        monkeypatch.setenv("ATTACKACRACK_SECRETS_DIR", str(tmp_path))
        assert read_settings().flower_password.get_secret_value() == "from a file"


class TestTimes:
    def test_celery(self) -> None:
        defaults = TaskLimits()
        assert {snake(key.removesuffix("Seconds")): value for key, value in VALUES["celery"].items()} == {
            name: getattr(defaults, name).total_seconds() for name in TaskLimits.model_fields
        }

    def test_celery_as_the_values_set_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        slower = {"softTimeLimitSeconds": 110, "timeLimitSeconds": 120, "softShutdownSeconds": 120}
        pools = {pool.name: {"terminationGracePeriodSeconds": 150} for pool in POOLS}
        leases = {"durations": {"inboxLease": "PT3M", "runLease": 180}}
        objects = render({"celery": {**slower, "visibilityTimeoutSeconds": 600}, "workers": pools, "config": leases})
        for name, value in configured(objects).items():
            monkeypatch.setenv(name, value)
        made = configuration(Settings(), POOLS[0])
        assert (made["task_soft_time_limit"], made["task_time_limit"]) == (110, 120)
        assert made["worker_soft_shutdown_timeout"] == 120
        assert made["broker_transport_options"]["visibility_timeout"] == 600
        assert read_settings().durations.inbox_lease == timedelta(minutes=3)

    def test_leases_that_the_values_leave_out_are_judged_as_the_code_has_them(self) -> None:
        assert {Durations().inbox_lease, Durations().run_lease} == {timedelta(seconds=60)}

    def test_a_pod_outlives_its_last_task(self) -> None:
        for pod in pods_of(render()):
            if pod.component.endswith("-worker"):
                grace = timedelta(seconds=pod.spec["terminationGracePeriodSeconds"])
                assert grace > Times().soft_shutdown + timedelta(seconds=15)

    def test_the_ingress_drains_before_it_ends(self) -> None:
        from services.webhook_ingress.__main__ import GRACEFUL_SECONDS

        pod = pod_of(render(), "webhook-ingress")
        drain = pod.main["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert drain + GRACEFUL_SECONDS < pod.spec["terminationGracePeriodSeconds"]


class TestCommands:
    def test_every_role_can_be_run(self) -> None:
        for pod in pods_of(render()):
            command = pod.main.get("command", [])
            if "-m" in command:
                assert importlib.util.find_spec(f"{command[-1]}.__main__"), command

    def test_the_command_line_has_the_verbs(self) -> None:
        for pod in pods_of(render()):
            for container in pod.containers:
                program, *words = container.get("command", [""])
                if program == "attackacrack":
                    verb = [word for word in words if word.isalpha()]
                    options = {word for word in words if word.startswith("--")}
                    said = CliRunner().invoke(cli, [*verb, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
                    assert said.exit_code == 0, words
                    assert all(option in said.output for option in options), words

    def test_the_simulator_takes_its_options(self) -> None:
        arguments = pod_of(render(), "provider-simulator").main["args"]
        options = [word.removeprefix("--").replace("-", "_") for word in arguments if word.startswith("--")]
        assert set(options) <= SimulatorSettings.model_fields.keys()

    @pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
    def test_a_tests_script_imports_what_there_is(self, script: Path) -> None:
        for node in ast.walk(ast.parse(script.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("services"):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name) or importlib.import_module(f"{node.module}.{alias.name}")


class TestFileProbes:
    """What each probe answers, run as the kubelet runs it; the files are the worker's."""

    @pytest.fixture
    def probes(self, tmp_path: Path) -> dict[str, list[str]]:
        main = pod_of(render(), "webhook-worker").main
        return {
            name: [
                sys.executable,
                *(part.replace(RUN_DIR, str(tmp_path)) for part in main[name]["exec"]["command"][1:]),
            ]
            for name in ("startupProbe", "readinessProbe", "livenessProbe")
        }

    def answers(self, command: list[str]) -> bool:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    @pytest.mark.parametrize(
        ("state", "ages", "startup", "ready", "live"),
        [
            ("not begun", {}, False, False, False),
            ("busy or idle", {STARTED: 1, READY: 1, LIVE: 1}, True, True, True),
            ("a broker away for an hour", {STARTED: 1, LIVE: 1}, True, False, True),
            ("frozen for half a minute", {STARTED: 40, READY: 40, LIVE: 40}, True, False, True),
            ("frozen for longer", {STARTED: 70, READY: 70, LIVE: 70}, False, False, False),
        ],
    )
    def test_truth_table(
        self,
        probes: dict[str, list[str]],
        tmp_path: Path,
        state: str,
        ages: dict[str, float],
        startup: bool,
        ready: bool,
        live: bool,
    ) -> None:
        for name, age in ages.items():
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (time.time() - age,) * 2)
        answered = {name: self.answers(command) for name, command in probes.items()}
        assert answered == {"startupProbe": startup, "readinessProbe": ready, "livenessProbe": live}, state

    def test_the_beat_writes_live_first(self) -> None:
        beat = pod_of(render(), "beat").main
        assert f"{RUN_DIR}/{LIVE}" in beat["startupProbe"]["exec"]["command"][-1]

    def test_a_worker_that_stalls_is_found_before_its_tasks_are_handed_out_again(self) -> None:
        main = pod_of(render(), "webhook-worker").main
        probe = main["livenessProbe"]
        found_after = timedelta(seconds=60 + probe["periodSeconds"] * probe["failureThreshold"])
        assert found_after < Times().visibility


def test_the_installation_is_named_after_the_release() -> None:
    assert configured(render())["ATTACKACRACK_INSTALLATION"] == "attackacrack"


def test_only_config_maps_that_are_there_are_read() -> None:
    objects = render()
    made = {found["metadata"]["name"] for found in of_kind(objects, "ConfigMap")}
    for pod in pods_of(objects):
        for container in pod.containers:
            assert {source["configMapRef"]["name"] for source in container.get("envFrom", [])} <= made
