"""The embedded servers run from plain binaries, survive a kill and leave nothing behind."""

import psycopg
import pytest
import redis

pytestmark = pytest.mark.processes


class TestPostgres:
    def test_keeps_commit_timestamps(self, postgres_server):
        with psycopg.connect(postgres_server.url("postgres").replace("+psycopg", "")) as connection:
            assert connection.execute("SHOW track_commit_timestamp").fetchone() == ("on",)

    def test_refuses_a_wrong_password(self, postgres_server):
        url = postgres_server.url("postgres").replace("+psycopg", "").replace("for-tests", "not-for-tests")
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(url)


class TestValkey:
    def test_writes_outlive_a_kill_and_a_freeze_answers_nothing(self, valkey_server):
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
