"""A folder's identity is made once, moves only when it must, and makes valid settings."""

import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from services.cli.laptop.identity import (
    PORTS,
    environment_of,
    load_identity,
    place_of,
    read_settings_file,
    trace_store,
    write_settings,
)
from services.cli.laptop.lock import FolderLock
from services.cli.laptop.ports import NoFreePort, free_ports
from services.cli.stack_settings import StackNotFound, find_settings
from services.core.runtime.settings import read_settings


def test_stays_the_same(tmp_path: Path) -> None:
    assert load_identity(tmp_path) == load_identity(tmp_path)
    assert (tmp_path / "stack.json").stat().st_mode & 0o777 == 0o600


def test_two_folders_share_nothing(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = load_identity(tmp_path), load_identity(tmp_path / "other")
    assert one.api_token != other.api_token
    assert one.webhook_secret_standard != other.webhook_secret_standard


def test_a_folder_keeps_its_place_when_it_is_moved_and_a_copy_has_another(tmp_path: Path) -> None:
    folder, moved, copied = tmp_path / "data", tmp_path / "moved", tmp_path / "copied"
    folder.mkdir()
    place = place_of(folder)
    assert place_of(folder) == place
    folder.rename(moved)
    assert place_of(moved) == place
    subprocess.run(["cp", "-a", moved, copied], check=True)
    assert place_of(copied) != place
    shutil.rmtree(moved)
    subprocess.run(["cp", "-a", copied, moved], check=True)
    assert place_of(moved) not in (place, place_of(copied))


def test_moves_when_somebody_else_listens_there_and_keeps_its_secrets(tmp_path: Path) -> None:
    before = load_identity(tmp_path)
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", before.ports["console"]))
        somebody.listen()
        after = load_identity(tmp_path)
    assert after.ports["console"] != before.ports["console"]
    assert after.api_token == before.api_token


def test_a_copy_takes_none_of_the_ports_that_the_first_may_come_back_to(tmp_path: Path) -> None:
    folder, moved = tmp_path / "data", tmp_path / "moved"
    folder.mkdir()
    first = load_identity(folder)
    write_settings(folder, environment_of(first, data_dir=folder, provider_rate=8))
    folder.rename(moved)
    assert load_identity(moved).ports == first.ports
    for base in (None, min(first.ports.values())):
        copied = tmp_path / f"copied from {base}"
        subprocess.run(["cp", "-a", moved, copied], check=True)
        assert not set(load_identity(copied, port_base=base).ports.values()) & set(first.ports.values())
    write_settings(copied, environment_of(load_identity(copied), data_dir=copied, provider_rate=8))
    assert load_identity(copied) == load_identity(copied)


def test_the_settings_of_a_copy_lead_nowhere_until_a_stack_was_begun_in_it(tmp_path: Path) -> None:
    folder, copied = tmp_path / "data", tmp_path / "copied"
    folder.mkdir()
    write_settings(folder, environment_of(load_identity(folder), data_dir=folder, provider_rate=8))
    subprocess.run(["cp", "-a", folder, copied], check=True)
    assert find_settings(folder).data_dir == folder
    with pytest.raises(StackNotFound, match=f"attackacrack up --data {copied} makes it one of its own"):
        find_settings(copied)
    with FolderLock(copied):  # its own stack runs, as after a chown of everything in it
        assert find_settings(copied)
    write_settings(copied, environment_of(load_identity(copied), data_dir=copied, provider_rate=8))
    assert find_settings(copied).data_dir == copied


def test_takes_the_first_free_ports_from_the_base(tmp_path: Path) -> None:
    [base] = free_ports(1)
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", base))
        somebody.listen()
        ports = list(load_identity(tmp_path, port_base=base).ports.values())
    assert ports == sorted(ports)
    assert base < ports[0]
    assert ports[-1] < base + 100
    assert len(set(ports)) == len(PORTS)


def test_says_when_no_port_is_free() -> None:
    with pytest.raises(NoFreePort, match=r"no 3 free ports on .* from 65534 upwards"):
        free_ports(3, base=65_534)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            {},
            {
                "OTLP_ENDPOINT": "http://127.0.0.1:1",
                "TRACE_QUERY_URL": "http://127.0.0.1:1",
                "TRACE_RECEIVER_PORT": "1",
            },
        ),
        ({"OTLP_ENDPOINT": "http://jaeger:4318"}, {"OTLP_ENDPOINT": "http://jaeger:4318"}),
        (
            {"OTLP_ENDPOINT": "http://jaeger:4318", "TRACE_QUERY_URL": "http://jaeger:16686"},
            {"OTLP_ENDPOINT": "http://jaeger:4318", "TRACE_QUERY_URL": "http://jaeger:16686"},
        ),
    ],
    ids=["its own receiver", "the user's collector", "the user's Jaeger"],
)
def test_where_its_spans_go(environment: dict[str, str], expected: dict[str, str], tmp_path: Path) -> None:
    identity = replace(load_identity(tmp_path), ports=dict.fromkeys(PORTS, 1))
    given = {f"ATTACKACRACK_{name}": value for name, value in environment.items()}
    assert trace_store(identity, given) == {f"ATTACKACRACK_{name}": value for name, value in expected.items()}


def test_its_public_address_may_be_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTACKACRACK_INGRESS_URL", "https://tunnel.example.com/webhooks/openphone")
    environment = environment_of(load_identity(tmp_path), data_dir=tmp_path, provider_rate=8)
    assert environment["ATTACKACRACK_INGRESS_URL"] == "https://tunnel.example.com/webhooks/openphone"


def test_its_environment_is_a_valid_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir = tmp_path / "a folder's name"
    data_dir.mkdir()
    identity = load_identity(data_dir)
    environment = environment_of(identity, data_dir=data_dir, provider_rate=9.5)
    write_settings(data_dir, environment)
    assert read_settings_file(data_dir) == environment
    for name, value in read_settings_file(data_dir).items():
        monkeypatch.setenv(name, value)
    settings = read_settings()
    assert settings.data_dir == data_dir
    assert settings.provider_rate == 9.5
    assert settings.provider_base_url == identity.url("simulator")
    assert settings.ingress_port == identity.ports["ingress"]
    assert settings.database_url.get_secret_value().startswith("postgresql+psycopg://attackacrack:")
    assert [s.get_secret_value() for s in settings.webhook_secrets_standard] == [identity.webhook_secret_standard]
