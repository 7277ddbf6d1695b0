"""A person at a terminal sees events and troubles; what only fills the screen stays in the files."""

import json

import pytest

from services.cli.laptop.terminal_line import terminal_line


def event(**fields: object) -> str:
    return json.dumps({"event": "message.sent", "level": "info", "logger": "ours", **fields})


@pytest.mark.parametrize(
    ("source", "line", "shown"),
    [
        pytest.param("beat", event(), "message.sent", id="event"),
        pytest.param("beat", event(message_id=7), "message.sent\x1b[2m message_id=7\x1b[0m", id="fields"),
        pytest.param("beat", event(reason="busy"), "message.sent\x1b[2m reason=busy\x1b[0m", id="words"),
        pytest.param("beat", event(level="warning"), "\x1b[33mmessage.sent\x1b[0m", id="warning"),
        pytest.param("beat", event(level="error", exception="boom"), "\x1b[31mmessage.sent\x1b[0m\nboom", id="error"),
        pytest.param("beat", event(trace_id="0af7", service="beat"), "message.sent", id="ids for machines"),
        pytest.param("beat", event(logger="celery.app.trace"), None, id="every task"),
        pytest.param(
            "beat", event(logger="celery.app.trace", level="error"), "\x1b[31mmessage.sent\x1b[0m", id="failed task"
        ),
        pytest.param("beat", "Traceback (most recent call last):", "Traceback (most recent call last):", id="plain"),
        pytest.param("beat", "", None, id="empty"),
        pytest.param("beat", "{not json", "{not json", id="no event after all"),
        pytest.param("beat", "{}", "{}", id="no event in it"),
        pytest.param("postgres", "12:00 LOG:  checkpoint complete", None, id="store"),
        pytest.param("postgres", "12:00 FATAL:  no space left", "12:00 FATAL:  no space left", id="store in trouble"),
        pytest.param("valkey", "7:M 28 Nov 2026 03:26:48.179 * Ready", None, id="valkey"),
        pytest.param(
            "valkey", "7:M 28 Nov 03:26:48 # Out of memory", "7:M 28 Nov 03:26:48 # Out of memory", id="alarm"
        ),
    ],
)
def test_what_is_shown(source: str, line: str, shown: str | None) -> None:
    assert terminal_line(source, line) == shown


def test_the_time_is_local_and_short() -> None:
    shown = terminal_line("beat", event(timestamp="2026-11-28T03:26:39.573873Z"))
    assert shown is not None
    assert shown[2] == shown[5] == ":"
    assert shown.endswith(":39 message.sent")
