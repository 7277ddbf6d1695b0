"""The tests see nothing of whoever starts them: no stack, setting, cluster, daemon, proxy or file of a person's."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from kubernetes import config

from services.cli.laptop.identity import write_settings
from services.cli.stack_settings import PREFIX, StackNotFound, find_settings
from services.core.runtime.settings import Settings
from tests.tools.surroundings import KEPT, ROOT

REPRESENTATIVE = (
    "tests/integration/test_surroundings.py::TestHere",
    "tests/unit/core/runtime/test_settings.py",
    "tests/unit/core/openphone/test_errors.py",
    "tests/integration/cli/test_verbs.py::TestContacts",
    "tests/integration/cli/test_verbs.py::TestClock",
    "tests/integration/cli/test_failures.py::TestWhichStack",
    "tests/integration/queue/test_worker_lifecycle.py::test_an_idle_worker_ends_in_order",
    "tests/integration/ingress/test_corpus.py::TestRepetition",
    "tests/integration/laptop/test_stack.py::TestRunFile",
)


class TestHere:
    """What every test may rely on; run once more below, from hostile surroundings."""

    def test_no_stack_is_found(self) -> None:
        with pytest.raises(StackNotFound):
            find_settings(None)

    def test_no_setting_is_set(self) -> None:
        assert Settings().model_fields_set == set()

    def test_no_cluster_is_known(self) -> None:
        with pytest.raises(config.ConfigException):
            config.load_config()

    def test_no_library_is_told_of_a_server(self) -> None:
        told = re.compile(r"PG|OTEL_|CELERY_|FLOWER_|\w+_proxy$", re.IGNORECASE)
        assert [name for name in os.environ if told.match(name)] == []

    @pytest.mark.skipif(shutil.which("docker") is None, reason="no docker program here")
    def test_no_docker_answers(self) -> None:
        asked = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
        assert asked.returncode != 0

    def test_the_folder_and_the_home_are_empty(self) -> None:
        assert [*Path.cwd().iterdir(), *Path.home().iterdir()] == []


class Tripwire:
    """Listens and answers nothing; remembers what it was sent."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = Thread(target=self._listen)
        self._thread.start()

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"the end")
        self._thread.join()
        self._listening.close()

    def _listen(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection:
                connection.settimeout(5)
                said = connection.recv(1000)
            if said == b"the end":
                return
            self.heard.append(said)


@pytest.fixture
def tripwire() -> Iterator[Tripwire]:
    wire = Tripwire()
    yield wire
    wire.close()


def hostile_folder(folder: Path, port: int) -> None:
    """A folder to stand in as a stack leaves it, which is a home too; whatever it names is the tripwire."""
    server = f"127.0.0.1:{port}"
    data = folder / ".data"
    data.mkdir(parents=True)
    write_settings(data, hostile_settings(port))
    (data / "run.json").write_text(json.dumps({"version": 1, "urls": {"console": f"http://{server}"}}))
    (folder / "secrets").mkdir()
    for name in Settings.model_fields:
        (folder / "secrets" / f"{PREFIX}{name}".lower()).write_text("hostile")
    (folder / ".netrc").write_text("machine 127.0.0.1 login hostile password hostile")
    (folder / ".pgpass").write_text("*:*:*:*:hostile")
    (folder / ".kube").mkdir()
    context = {"name": "hostile", "context": {"cluster": "hostile", "user": "hostile"}}
    cluster = {"name": "hostile", "cluster": {"server": f"http://{server}"}}
    kubeconfig = {"contexts": [context], "clusters": [cluster], "current-context": "hostile", "users": []}
    (folder / ".kube" / "config").write_text(json.dumps(kubeconfig | {"apiVersion": "v1", "kind": "Config"}))


def hostile_settings(port: int) -> dict[str, str]:
    """Every setting: an address leads to the tripwire, any other has a value that is refused where it can be."""
    server = f"127.0.0.1:{port}"
    addresses = {name: f"http://{server}" for name in Settings.model_fields if name.endswith(("_url", "_endpoint"))}
    stores = {"database_url": f"postgresql://x:y@{server}/person", "redis_url": f"redis://{server}/0"}
    values = dict.fromkeys(Settings.model_fields, "hostile") | addresses | stores
    return {f"{PREFIX}{name.upper()}": value for name, value in values.items()}


def hostile_environment(folder: Path, port: int) -> dict[str, str]:
    server = f"127.0.0.1:{port}"
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    others = ("OTEL_EXPORTER_OTLP_ENDPOINT", "FLOWER_BROKER_API")
    return {
        **hostile_settings(port),
        **{name: f"http://{server}" for proxy in proxies for name in (proxy, proxy.lower())},
        **dict.fromkeys(others, f"http://{server}"),
        "CELERY_BROKER_URL": f"redis://{server}/0",
        "ATTACKACRACK_DATA": str(folder / ".data"),
        "ATTACKACRACK_SECRETS_DIR": str(folder / "secrets"),
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGUSER": "hostile",
        "PGOPTIONS": "-c statement_timeout=1",
        "KUBECONFIG": str(folder / ".kube" / "config"),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(port),
        "DOCKER_HOST": f"tcp://{server}",
        "SSL_CERT_FILE": str(folder / "none.pem"),
        "HOME": str(folder),
        "USER": "hostile",
        "COLUMNS": "20",
        "FORCE_COLOR": "1",
        "TZ": "Pacific/Kiritimati",
    }


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_hostile_surroundings_reach_no_test(tmp_path: Path, tripwire: Tripwire) -> None:
    hostile_folder(tmp_path / "stand", tripwire.port)
    stand, hostile = tmp_path / "stand", hostile_environment(tmp_path / "stand", tripwire.port)
    before = {path: path.read_bytes() for path in stand.rglob("*") if path.is_file()}
    assert not [name for name in hostile if KEPT.fullmatch(name)]
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider"),
            *("--rootdir", ROOT, "-c", ROOT / "pyproject.toml", "--basetemp", tmp_path / "temporary"),
            *(ROOT / name for name in REPRESENTATIVE),
        ],
        cwd=stand,
        env=os.environ | hostile,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    assert tripwire.heard == []
    assert {path: path.read_bytes() for path in stand.rglob("*") if path.is_file()} == before
