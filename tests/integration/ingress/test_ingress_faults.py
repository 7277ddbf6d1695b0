"""The ingress while its database, Redis or itself fails: no 2xx without a row, an answer in time, no restart."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from redis import Redis

from services.cli.laptop.guard import Guard
from services.core.queue.names import TaskName
from services.core.runtime.durations import Durations
from services.core.runtime.settings import read_settings
from services.core.usecases.context import Context
from services.core.usecases.operations.sweep import sweep
from tests.conftest import PostgresProcess, ValkeyProcess, start_valkey
from tests.tools.ingress import JSON, RunningIngress, body_of, new_delivery_id, received, request, standard
from tests.tools.waiting import wait_until
from tests.tools.webhook_load import WebhookLoad

SENDER_PATIENCE_SECONDS = 10
"""So long the provider waits for an answer; two seconds are what we let it wait."""


@pytest.fixture(scope="module")
def valkey_process(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[ValkeyProcess]:
    """This module's own: it is stopped and frozen here."""
    server = start_valkey(tmp_path_factory.mktemp("valkey"), guard)
    yield server
    server.stop()


POINTS = [
    # W1 to W3: on its way in
    ("webhook_head_read", 0),
    ("webhook_body_begun", 0),
    ("webhook_body_read", 0),
    # W5 and W6: not committed
    ("inbox_stored", 0),
    ("webhook_committing", 0),
    # W8 and W9: committed, and its sender does not know
    ("webhook_committed", 1),
    ("webhook_publishing", 1),
    ("webhook_answering", 1),
    ("answer_begun", 1),
    # W10: answered, and nobody was woken
    ("webhook_answered", 1),
]


def status_of(ingress: RunningIngress, body: bytes | None = None) -> int:
    """What the provider hears, before it would give up on us."""
    reply = ingress.post(body or body_of(received()), timeout=SENDER_PATIENCE_SECONDS)
    if reply.status_code == 503:
        assert (reply.headers["retry-after"], reply.json()["code"]) == ("2", "not_stored")
    return reply.status_code


def missing(ingress: RunningIngress, load: WebhookLoad) -> set[str]:
    return load.acknowledged - {row["delivery_id"] for row in ingress.query("SELECT delivery_id FROM inbox")}


@contextmanager
def frozen(server: PostgresProcess) -> Iterator[None]:
    """The whole server, its backends too, holds its connections and answers nothing."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    stopped = [server.pid, *map(int, children)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def killed(server: PostgresProcess) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.start()


class TestDatabase:
    @pytest.mark.parametrize("fault", [frozen, killed])
    def test_each_delivery_is_refused_in_time_and_taken_afterwards(
        self,
        ingress: RunningIngress,
        durable_server: PostgresProcess,
        fault: Callable[[PostgresProcess], AbstractContextManager[None]],
    ) -> None:
        assert status_of(ingress) == 200
        with fault(durable_server):
            answers = [status_of(ingress) for _ in range(3)]
            wait_until(lambda: not ingress.is_ready())
            assert ingress.call("GET", "/livez").status_code == 200
        assert answers == [503] * 3
        assert ingress.log.read_text().count('"webhook.not_stored"') >= 3
        wait_until(lambda: status_of(ingress) == 200)
        wait_until(ingress.is_ready)

    def test_a_server_that_became_a_standby_refuses_each_delivery_until_it_takes_writes(
        self, ingress: RunningIngress
    ) -> None:
        with psycopg.connect(ingress.database_url.replace("+psycopg", ""), autocommit=True) as owner:
            owner.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            owner.execute("SELECT pg_reload_conf()")
            try:
                wait_until(lambda: status_of(ingress) != 200)
                assert {status_of(ingress) for _ in range(10)} == {503}
            finally:
                owner.execute("SET default_transaction_read_only = off")
                owner.execute("ALTER SYSTEM RESET default_transaction_read_only")
                owner.execute("SELECT pg_reload_conf()")
        wait_until(lambda: status_of(ingress) == 200)

    def test_a_kill_under_load_loses_no_answered_delivery(
        self, ingress: RunningIngress, durable_server: PostgresProcess
    ) -> None:
        with WebhookLoad(ingress) as load:
            wait_until(lambda: len(load.acknowledged) > 100)
            with killed(durable_server):
                wait_until(lambda: load.statuses[503] > 4)
            before = len(load.acknowledged)
            wait_until(lambda: len(load.acknowledged) > before + 100)
        assert missing(ingress, load) == set()
        assert set(load.statuses) == {200, 503}
        assert load.cut == []

    def test_a_locked_contact_delays_its_own_opt_out_alone(self, ingress: RunningIngress) -> None:
        held = "+12025557001"
        ingress.post(body_of(received("STOP", sender=held)))
        with psycopg.connect(ingress.database_url.replace("+psycopg", "")) as holder:
            holder.execute("SELECT 1 FROM contacts WHERE e164 = %s FOR UPDATE", [held])
            blocked: list[int] = []
            stops = [
                Thread(target=lambda: blocked.append(status_of(ingress, body_of(received("STOP", sender=held)))))
                for _ in range(4)
            ]
            for thread in stops:
                thread.start()
            others = [status_of(ingress) for _ in range(20)]
            other_stop = status_of(ingress, body_of(received("STOP", sender="+12025557002")))
            for thread in stops:
                thread.join()
        assert [*others, other_stop] == [200] * 21
        assert blocked == [503] * 4
        assert status_of(ingress, body_of(received("STOP", sender=held))) == 200

    def test_one_refused_row_fails_alone(self, ingress: RunningIngress) -> None:
        with psycopg.connect(ingress.database_url.replace("+psycopg", ""), autocommit=True) as owner:
            owner.execute("ALTER TABLE inbox ADD CONSTRAINT drill CHECK (event_id <> 'EVdrill') NOT VALID")
            try:
                with WebhookLoad(ingress) as load:
                    wait_until(lambda: load.acknowledged)
                    refused = [ingress.post(body_of(received(id="EVdrill"))) for _ in range(10)]
            finally:
                owner.execute("ALTER TABLE inbox DROP CONSTRAINT drill")
        assert {reply.status_code for reply in refused} == {500}
        assert {reply.json()["code"] for reply in refused} == {"internal_error"}
        assert set(load.statuses) == {200}
        assert missing(ingress, load) == set()


class TestRedis:
    @pytest.mark.parametrize("fault", ["stop", "freeze"])
    def test_nothing_waits_for_it_and_the_sweep_publishes_later(
        self, ingress: RunningIngress, valkey_server: ValkeyProcess, fault: str
    ) -> None:
        delivery_id, body = new_delivery_id(), body_of(received())
        getattr(valkey_server, fault)()
        answers = [status_of(ingress) for _ in range(20)]
        assert ingress.post(body, standard(body, delivery_id=delivery_id)).status_code == 200
        valkey_server.resume() if fault == "freeze" else valkey_server.start()
        assert answers == [200] * 20
        [row] = ingress.rows(delivery_id)
        assert row["status"] == "new"
        quick = Durations().model_copy(update={"unpublished_after": Durations().lease / 1000})
        context = Context(
            read_settings(database_url=ingress.database_url, redis_url=valkey_server.url, durations=quick)
        )

        def is_queued() -> bool:
            """By whom doesn't matter: what a frozen broker was sent is in its queue when it goes on."""
            sweep(context)
            return row["id"] in context.broker.queued(TaskName.PROCESS_WEBHOOK, lost_after=timedelta(minutes=1)).ids

        wait_until(is_queued)
        context.close()

    def test_what_was_stored_is_published_at_once(self, ingress: RunningIngress, queued: Redis) -> None:
        wait_until(lambda: ingress.post(body_of(received())).status_code == 200 and queued.llen("webhooks") > 0)


class TestItself:
    def test_an_orderly_end_answers_what_it_took(self, ingress: RunningIngress) -> None:
        with WebhookLoad(ingress, connections=16) as load:
            wait_until(lambda: len(load.acknowledged) > 100)
            assert ingress.end() == 0
        assert missing(ingress, load) == set()
        assert load.cut == []
        assert set(load.statuses) == {200}
        ingress.start()

    def test_a_kill_under_load_loses_no_answered_delivery(self, ingress: RunningIngress) -> None:
        with WebhookLoad(ingress, connections=16) as load:
            wait_until(lambda: len(load.acknowledged) > 200)
            ingress.end(signal.SIGKILL)
        assert missing(ingress, load) == set()
        ingress.start()

    def test_killed_anywhere_the_opt_out_is_in_force_with_its_row_or_neither(self, ingress: RunningIngress) -> None:
        ingress.end(signal.SIGKILL)
        deliveries = []
        for number, (point, is_stored) in enumerate(POINTS):
            delivery_id, sender = new_delivery_id(), f"+1202555800{number}"
            body = body_of(received("STOP", sender=sender))
            ingress.start(failpoints=f"{point}=kill")
            post_in_pieces(ingress, body, standard(body, delivery_id=delivery_id))
            assert ingress.ended() == -signal.SIGKILL, f"{point} was never reached"
            assert (len(ingress.rows(delivery_id)), opt_outs(ingress, sender)) == (is_stored, is_stored), point
            deliveries.append((delivery_id, sender, body))
        ingress.start()
        again = [
            ingress.post(body, standard(body, delivery_id=delivery_id)).json()["status"]
            for delivery_id, _, body in deliveries
        ]
        assert again == ["duplicate" if is_stored else "stored" for _, is_stored in POINTS]
        assert [opt_outs(ingress, sender) for _, sender, _ in deliveries] == [1] * len(POINTS)

    @pytest.mark.slow
    @pytest.mark.timeout(300)
    @pytest.mark.parametrize("mode", ["stop", "raise", "sleep(2.5)"])
    def test_whatever_else_happens_there_a_repetition_to_another_ends_it(
        self, ingress: RunningIngress, valkey_server: ValkeyProcess, tmp_path: Path, mode: str
    ) -> None:
        ingress.end(signal.SIGKILL)
        other = RunningIngress(tmp_path, database_url=ingress.database_url, redis_url=valkey_server.url)
        other.start()
        for number, (point, _) in enumerate(POINTS):
            delivery_id, sender = new_delivery_id(), f"+12025559{len(mode):02}{number}"
            body = body_of(received("STOP", sender=sender))
            headers = standard(body, delivery_id=delivery_id)
            ingress.start(failpoints=f"{point}={mode}")
            post_in_pieces(ingress, body, headers, patience=3)
            if mode == "stop":
                wait_until(lambda: is_stopped(ingress.pid))
                ingress.query(END_STANDING_TRANSACTIONS)
            wait_until(partial(is_taken, other, body, headers))
            os.kill(ingress.pid, signal.SIGCONT)
            ingress.end()
            assert (len(ingress.rows(delivery_id)), opt_outs(ingress, sender)) == (1, 1), point
        other.close()
        ingress.start()


END_STANDING_TRANSACTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND state = 'idle in transaction'"
)
"""What the server does by itself after a minute."""


def is_taken(ingress: RunningIngress, body: bytes, headers: dict[str, str]) -> bool:
    return ingress.post(body, headers).status_code == 200


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("T")


def post_in_pieces(ingress: RunningIngress, body: bytes, headers: dict[str, str], *, patience: float = 20) -> None:
    """Deliver so that the body is there in part before it is there whole, and don't mind what comes of it."""
    whole = {"host": "ingress", **JSON, **headers, "content-length": str(len(body))}
    with suppress(OSError), ingress.connect(timeout=patience) as connection:
        connection.sendall(request(headers=whole))
        for piece in (body[:100], body[100:]):
            time.sleep(0.05)  # so that the two are read apart
            connection.sendall(piece)
        while connection.recv(65536):
            pass


def opt_outs(ingress: RunningIngress, e164: str) -> int:
    where = "SELECT id FROM contacts WHERE e164 = %(e164)s AND opted_out_at IS NOT NULL"
    return len(ingress.query(where, e164=e164))
