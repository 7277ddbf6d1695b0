"""A Redis that will never do what we need is refused before the work, by the setting's name and with the remedy."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis

from services.core.queue.connection import connect
from services.core.queue.fitness import RULES, BrokerRefused, check_broker
from services.core.queue.names import POOLS
from tests.conftest import ValkeyProcess

CERTIFICATE = Path(__file__).parents[1] / "runtime" / "localhost.pem"
PASSWORD = "p4ss-w0rd"


@contextmanager
def user(server: ValkeyProcess, *rules: str) -> Iterator[str]:
    """The address with a user of these rules."""
    with Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "restricted", "reset", "on", f">{PASSWORD}", *rules)
        try:
            yield f"redis://restricted:{PASSWORD}@127.0.0.1:{server.port}/0"
        finally:
            admin.execute_command("ACL", "DELUSER", "restricted")


def test_the_servers_own_user_is_taken(valkey_server: ValkeyProcess) -> None:
    assert check_broker(valkey_server.url)


def test_a_user_of_the_rules_that_we_name_is_taken_and_nothing_is_left(valkey_server: ValkeyProcess) -> None:
    with user(valkey_server, *RULES.split()) as url:
        assert check_broker(url)
    with Redis.from_url(valkey_server.url) as client:
        assert client.keys("*") == []


@pytest.mark.parametrize(
    "lacking",
    [
        *(["resetchannels"], ["resetchannels", "&celery-task-meta-*"], ["resetkeys"], ["resetkeys", "~unacked:*"]),
        *(
            [f"-{verb}"]
            for verb in ("lpush", "brpop", "llen", "hset", "hdel", "zadd", "zrem", "set", "eval", "evalsha")
        ),
        *([f"-{verb}"] for verb in ("publish", "psubscribe", "multi", "script|load", "sadd", "hmget", "time", "info")),
        ["resetkeys", "~unacked*", "~_kombu*", "~celery*", "~throttle*", "~campaigns", "~priority", "~default"],
        [
            "resetkeys",
            *("~" + key for pool in POOLS for key in (*pool.queues, "unacked*")),
            "~_kombu*",
            "~celery*",
            "~throttle*",
        ],
    ],
    ids=" ".join,
)
def test_a_user_who_lacks_one_thing_is_refused_with_the_rule_that_gives_it(
    valkey_server: ValkeyProcess, lacking: list[str]
) -> None:
    rules = RULES.split()
    with user(valkey_server, *rules, *lacking) as url, pytest.raises(BrokerRefused) as refused:
        check_broker(url)
    assert str(refused.value) == (
        f"ATTACKACRACK_REDIS_URL: its user may not do all that we need: ACL SETUSER <user> {RULES}"
    )


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (lambda url: url.replace(PASSWORD, "wr0ng"), "user and password are not accepted"),
        (lambda url: url.replace(f"restricted:{PASSWORD}@", ""), "user and password are not accepted"),
        (lambda url: url[: -len("/0")] + "/9999", "there is no such database"),
    ],
)
def test_an_address_that_is_not_the_servers_is_refused(
    valkey_server: ValkeyProcess, change: Callable[[str], str], remedy: str
) -> None:
    with user(valkey_server, "~*", "&*", "+@all") as url, pytest.raises(BrokerRefused) as refused:
        check_broker(change(url))
    assert str(refused.value).startswith("ATTACKACRACK_REDIS_URL: ")
    assert remedy in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_certificate_that_nobody_here_trusts_is_refused() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def shake_hands() -> None:
            for _ in range(2):  # a lost connection is made anew once
                accepted, _ = server.accept()
                with accepted, suppress(ssl.SSLError, OSError):
                    context.wrap_socket(accepted, server_side=True)

        answering = threading.Thread(target=shake_hands)
        answering.start()
        with pytest.raises(BrokerRefused, match=r"certificate is not trusted here: add \?ssl_ca_certs="):
            check_broker(f"rediss://127.0.0.1:{port}/0")
        answering.join()


def test_every_sign_may_stand_in_a_password(valkey_server: ValkeyProcess) -> None:
    """In each library's own reading of the address."""
    from urllib.parse import quote

    from kombu import Connection

    from services.core.queue.app import configuration
    from services.core.runtime.settings import read_settings

    password = "a#b/c?d@e%f[g]h:i&j=k+l$m!n\"o'p%20q"
    with Redis.from_url(valkey_server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "signs", "reset", "on", f">{password}", *RULES.split())
        url = f"redis://signs:{quote(password, safe='')}@127.0.0.1:{valkey_server.port}/0"
        configured = read_settings(redis_url=url)
        assert check_broker(configured.redis_url.get_secret_value())
        with Connection(configuration(configured, None)["broker_url"]) as broker:
            broker.ensure_connection(max_retries=1)
        admin.execute_command("ACL", "DELUSER", "signs")


@pytest.mark.own_valkey
def test_one_that_is_away_is_waited_for(valkey_server: ValkeyProcess) -> None:
    valkey_server.kill()
    assert not check_broker(valkey_server.url)


@pytest.mark.own_valkey
def test_a_replica_is_waited_for_and_its_connection_not_kept(valkey_server: ValkeyProcess) -> None:
    with Redis.from_url(valkey_server.url, decode_responses=True) as admin, connect(valkey_server.url) as client:
        client.ping()
        before = client.client_id()
        admin.replicaof("127.0.0.1", "1")
        try:
            assert not check_broker(valkey_server.url)
            with pytest.raises(Exception, match="read only"):
                client.lpush("campaigns", "x")
        finally:
            admin.replicaof("NO", "ONE")
        assert client.client_id() != before
