"""What a kill must not lose, what a reply may rest on, and the clock."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from services.provider_simulator.append_log import AppendLog, read_lines
from services.provider_simulator.settings import read_settings
from tests.tools.simulator import RunningSimulator, running_simulator
from tests.tools.waiting import wait_until
from tests.tools.webhook_receiver import WebhookReceiver

PERSON, SILENT, OPTED_OUT = "+12025550143", "+15005550014", "+12025550178"


def test_a_kill_loses_no_text_no_person_and_no_pending_webhook(tmp_path: Path, receiver: WebhookReceiver) -> None:
    slow = {"sent_after": 0.02, "delivered_min": 0.02, "delivered_max": 0.02, "clock_offset": 100}
    with running_simulator(tmp_path, state=tmp_path / "state.jsonl", time_factor=2, **slow) as simulator:
        webhook = simulator.register_webhook(receiver.url)
        simulator.inject_inbound(OPTED_OUT, "STOP")
        receiver.of_type("message.received")
        simulator.behave(PERSON, replies=[{"reply": "Later", "after": 8}])
        simulator.move_clock(500)
        simulator.add_fault("rate_storm", times=2, to=SILENT)
        receiver.answer_with(503)
        text = simulator.send(PERSON).json()["data"]["id"]
        receiver.of_type("message.delivered")
        accepted = simulator.lines("text")
        simulator.kill()

        simulator.start()
        retried = receiver.of_type("message.delivered", 2)
        assert retried[0].delivery_id == retried[1].delivery_id
        assert simulator.lines("text") == accepted
        assert simulator.call("GET", f"/messages/{text}").json()["data"]["status"] == "delivered"
        assert simulator.send(OPTED_OUT).json()["code"] == "0201400"
        assert simulator.control("GET", "/webhooks").json()[0]["key"] == webhook["key"]
        assert simulator.control("GET", "/clock").json()["offset_seconds"] == 500
        assert [simulator.send(SILENT).status_code for _ in range(3)] == [429, 429, 202]
        (_, reply) = receiver.of_type("message.received", 2)
        assert reply.body["data"]["resource"]["text"] == "Later"


def test_a_text_that_only_the_journal_has_is_added_to_the_ledger(tmp_path: Path) -> None:
    with running_simulator(tmp_path, state=tmp_path / "state.jsonl") as simulator:
        simulator.send(SILENT)
        (text,) = simulator.lines("text")
        simulator.kill()
        kept = [line for line in simulator.ledger.read_text().splitlines() if '"text"' not in line]
        simulator.ledger.write_text("\n".join(kept) + '\n{"kind":"text","id":"torn')
        simulator.start()
        (restored,) = simulator.lines("text")
        assert {"id", "from", "to", "content"} <= text.keys()
        assert restored["id"] == text["id"]
        assert [line["kind"] for line in simulator.lines()] == ["request", "text"]


def test_it_ends_in_order_on_sigterm_even_with_a_caller_waiting(tmp_path: Path) -> None:
    with running_simulator(tmp_path) as simulator:
        simulator.send(PERSON)
        simulator.add_fault("no_answer", created=1)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(simulator.send, PERSON)
            wait_until(lambda: len(simulator.control("GET", "/messages").json()) == 2)
            assert simulator.stop() == 0
            with pytest.raises(httpx.TransportError):
                waiting.result()
        assert len(simulator.lines("text")) == 2


def test_a_text_is_in_the_ledger_when_its_reply_arrives(simulator: RunningSimulator) -> None:
    simulator.move_clock(float(simulator.control("GET", "/clock").json()["offset_seconds"]) + 86_400)
    message = simulator.send(PERSON, "Hello").json()["data"]
    request, text = (simulator.lines(kind)[-1] for kind in ("request", "text"))
    assert text.keys() == request.keys() == {"kind", "id", "at", "wall", "from", "to", "content"}
    assert (text["id"], text["from"], text["to"], text["content"]) == (message["id"], "+12025550100", PERSON, "Hello")
    assert (request["from"], request["to"]) == (simulator.phone_number_id, PERSON)
    at, wall = (datetime.fromisoformat(str(text[name])) for name in ("at", "wall"))
    assert at - wall >= timedelta(days=1)
    assert abs(datetime.now(UTC) - wall) < timedelta(seconds=10)
    assert datetime.fromisoformat(message["createdAt"]) <= at


def test_the_clock_moves_forward_only(simulator: RunningSimulator) -> None:
    offset = float(simulator.control("GET", "/clock").json()["offset_seconds"]) + 60
    simulator.move_clock(offset)
    back = {"offset_seconds": offset - 1}
    reply = simulator.call("PUT", "/_simulator/clock", body=back)
    assert reply.status_code == 409
    assert simulator.control("GET", "/clock").json()["offset_seconds"] == offset


def test_a_flush_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_on_disk = threading.Event()
    synced: list[bytes] = []
    path = tmp_path / "log.jsonl"

    def slow_fsync(_: int) -> None:
        is_on_disk.wait(5)
        synced.append(path.read_bytes())

    async def write_and_flush() -> None:
        log = AppendLog(path)
        log.write({"number": 1})
        flushes = [asyncio.create_task(log.flush()) for _ in range(5)]
        _, pending = await asyncio.wait(flushes, timeout=0.1)
        assert pending == set(flushes)
        is_on_disk.set()
        await asyncio.gather(*flushes)
        await log.close()

    monkeypatch.setattr(os, "fsync", slow_fsync)
    asyncio.run(write_and_flush())
    assert synced == [b'{"number":1}\n']


@pytest.mark.parametrize("torn", [b"", b'{"numb', b"x" * 200_000])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"number":1}\n' + torn)

    async def append() -> None:
        log = AppendLog(path)
        log.write({"number": 2})
        await log.close()

    asyncio.run(append())
    assert list(read_lines(path)) == [{"number": 1}, {"number": 2}]


@pytest.mark.parametrize("arguments", [[], ["--ledger", "ledger", "--rate", "0"], ["--ledger", "ledger", "--nothing"]])
def test_options_that_make_no_sense_are_refused_before_the_start(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        read_settings(arguments)
    assert left.value.code == 2
    assert capsys.readouterr().err


def test_options_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTACKACRACK_SIMULATOR_LEDGER", "/var/ledger")
    monkeypatch.setenv("ATTACKACRACK_SIMULATOR_RATE", "25")
    settings = read_settings(["--rate", "30"])
    assert (settings.ledger, settings.rate) == (Path("/var/ledger"), 30)
