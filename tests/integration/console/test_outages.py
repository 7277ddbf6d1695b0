"""What is answered while a store is away, and what the log says of a request."""

import json
from collections.abc import Iterator

import pytest

from services.cli.laptop.guard import Guard
from services.core.queue.names import TaskName
from tests.conftest import MigratedTemplate, PostgresProcess, ValkeyProcess, make_template, start_postgres, start_valkey
from tests.integration.console.conftest import RunningConsole
from tests.tools.rows import add_letter


@pytest.fixture(scope="module")
def postgres_server(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[PostgresProcess]:
    """This module's own: it is stopped here."""
    server = start_postgres(tmp_path_factory.mktemp("postgres"), guard)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def migrated_template(postgres_server: PostgresProcess) -> MigratedTemplate:
    return make_template(postgres_server)


@pytest.fixture(scope="module")
def valkey_process(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[ValkeyProcess]:
    """This module's own: it is stopped here."""
    server = start_valkey(tmp_path_factory.mktemp("valkey"), guard)
    yield server
    server.stop()


@pytest.fixture
def without_broker(console: RunningConsole, valkey_process: ValkeyProcess) -> Iterator[RunningConsole]:
    valkey_process.stop()
    yield console
    valkey_process.start()


@pytest.fixture
def without_database(console: RunningConsole, postgres_server: PostgresProcess) -> Iterator[RunningConsole]:
    postgres_server.stop()
    yield console
    postgres_server.start()


@pytest.mark.usefixtures("without_database")
@pytest.mark.parametrize("path", ["/readyz", "/api/v1/sending", "/api/v1/health"])
def test_without_a_database_nothing_is_answered_but_that(console: RunningConsole, path: str) -> None:
    answer = console.client.get(path, headers={"authorization": f"Bearer {console.tokens['admin']}"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["code"] in {"database_unavailable", "schema_not_ready"}
    assert console.client.get("/livez").status_code == 200


def test_it_is_ready_again_when_the_database_is(console: RunningConsole) -> None:
    assert console.client.get("/readyz").status_code == 200


def test_without_a_broker_a_replay_is_taken_back(without_broker: RunningConsole) -> None:
    console = without_broker
    letter_id = add_letter(console.context, TaskName.DEBUG_TASK, args=["1"], reason="gave_up", error="", attempts=3)
    headers = {"idempotency-key": "replay-in-an-outage"}
    for _ in range(2):
        answer = console.post(f"/dead-letters/{letter_id}/replay", json={}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
    assert letter_id in [item["letter_id"] for item in console.get("/dead-letters").json()["items"]]
    assert console.client.get("/readyz").status_code == 200


def test_health_says_that_the_broker_is_away(without_broker: RunningConsole) -> None:
    parts = {part["name"]: part for part in without_broker.get("/health").json()["parts"]}
    assert not parts["redis"]["well"]
    assert parts["redis"]["remedy"]


def test_a_request_is_one_line_without_the_person(console: RunningConsole, capsys: pytest.CaptureFixture[str]) -> None:
    number, evidence = "+12025550188", "canary-7f3a"
    answer = console.post("/opt-outs", json={"number": number, "evidence": evidence})
    console.get(f"/contacts/{number}")
    console.get("/messages", params={"e164": number})
    logged = "".join(capsys.readouterr())
    lines = [line for line in logged.splitlines() if "api.request" in line]
    assert len(lines) == 3
    assert answer.headers["x-request-id"] in lines[0]
    assert "/api/v1/contacts/{key:contact}" in lines[1]
    for secret in (number, number[1:], evidence, console.tokens["admin"]):
        assert secret not in logged


def test_a_failure_of_ours_is_named_by_its_place_alone(
    console: RunningConsole, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> None:
            raise ZeroDivisionError("canary-7f3a")

    monkeypatch.setattr(console.app.state, "context", Broken())
    answer = console.get("/sending")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    logged = capsys.readouterr().out
    assert "canary-7f3a" not in logged + json.dumps(answer.json())
    assert "ZeroDivisionError" in logged
