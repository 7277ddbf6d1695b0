"""The embedded servers run from plain binaries, survive a kill and leave nothing behind."""

import itertools
import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from services.cli.laptop.ports import free_ports
from services.cli.laptop.postgres import PostgresCluster, PostgresUnavailable, Unprivileged, prepare_postgres
from services.cli.laptop.valkey import ValkeyServer
from tests.conftest import PostgresProcess, ServerProcess, ValkeyProcess

pytestmark = pytest.mark.processes


class TestPostgres:
    def test_keeps_commit_timestamps(self, postgres_server: PostgresProcess) -> None:
        with psycopg.connect(postgres_server.url("postgres").replace("+psycopg", "")) as connection:
            assert connection.execute("SHOW track_commit_timestamp").fetchone() == ("on",)

    def test_refuses_a_wrong_password(self, postgres_server: PostgresProcess) -> None:
        url = postgres_server.url("postgres").replace("+psycopg", "").replace("for-tests", "not-for-tests")
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(url)


class TestValkey:
    @pytest.mark.own_valkey
    def test_writes_outlive_a_kill_and_a_freeze_answers_nothing(self, valkey_server: ValkeyProcess) -> None:
        with redis.Redis.from_url(valkey_server.url, socket_timeout=0.2) as client:
            client.set("kept", "yes")
            valkey_server.freeze()
            with pytest.raises(redis.TimeoutError):
                client.get("kept")
            valkey_server.resume()
            client.config_set("appendfsync", "always")
            client.set("kept", "still")
            valkey_server.kill()
            valkey_server.start()
            assert client.get("kept") == b"still"


class TestRoot:
    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
    def test_becomes_nobody_where_namespaces_are_forbidden_and_changes_no_folder(
        self, tmp_path: Path, serve: Callable[[PostgresCluster | ValkeyServer], ServerProcess]
    ) -> None:
        nobody = pwd.getpwnam("nobody")
        identity = Unprivileged(user_id=nobody.pw_uid, group_id=nobody.pw_gid)
        modes = [(folder, folder.stat().st_mode) for folder in (tmp_path, *tmp_path.parents)]
        cluster = prepare_postgres(
            tmp_path / "data", port=free_ports(1)[0], password="secret", durable=False, unprivileged=identity
        )
        try:
            server = serve(cluster)
            assert Path(f"/proc/{server.pid}").stat().st_uid == nobody.pw_uid
            with psycopg.connect(cluster.url("postgres", driver="postgresql")) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            server.stop()
        finally:
            for link in (path for path in tmp_path.iterdir() if path.is_symlink()):
                shutil.rmtree(link.resolve())
        assert modes == [(folder, folder.stat().st_mode) for folder, _ in modes]

    def test_a_cluster_of_another_version_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "PG_VERSION").write_text("9\n")
        with pytest.raises(PostgresUnavailable, match="made by PostgreSQL 9, but"):
            prepare_postgres(tmp_path, port=1, password="secret")


class TestShared:
    def test_nobody_takes_a_shared_server_from_the_others(
        self, postgres_server: PostgresProcess, valkey_server: ValkeyProcess
    ) -> None:
        for server, act in itertools.product([postgres_server, valkey_server], ["stop", "kill", "freeze"]):
            with pytest.raises(AssertionError, match="own"):
                getattr(server, act)()
        with redis.Redis.from_url(valkey_server.url) as client:
            for take in (client.shutdown, lambda: client.config_set("maxmemory", "1mb")):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    take()
            assert client.ping()
