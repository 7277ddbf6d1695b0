"""What a log line may hold: every sink's first net."""

import json
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import logging, sys, warnings
import structlog
from services.core.domain.failures import NotFound
from services.core.runtime.logs import configure_logs
from services.core.runtime.settings import Settings, LogFormat

configure_logs(Settings(service_name="a-test", log_format=LogFormat({form!r})))
log, foreign = structlog.get_logger("ours"), logging.getLogger("a.library")
{lines}
"""


def lines(source: str, *, form: str = "json") -> list[str]:
    """What a process of its own, with our logs, writes to standard error."""
    program = PROGRAM.format(form=form, lines=source)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


@pytest.fixture(scope="module")
def events() -> dict[str, dict[str, Any]]:
    source = """
log.info("message.sent", message_id=42, to="+12125551234", parts=["call 212-555-1234", {"name": "+12125551234"}])
foreign.warning("connected to %s", "redis://:a-password@127.0.0.1:6379/0")
foreign.error("a header: Bearer abc.def whsec_c2VjcmV0")
foreign.info("Uvicorn running on http://%s:%d", "127.0.0.1", 20983)
foreign.info("with data", extra={"data": {"traceback": "Zebulonka"}, "color_message": "Zebulonka"})
warnings.warn("you should not")
try:
    try:
        raise ValueError("Zebulonka said +12125551234")
    except ValueError as error:
        raise NotFound("contact", 7) from error
except NotFound:
    log.exception("ours.failed")
    foreign.exception("theirs failed")
foreign.error("an exception as a field", extra={"cause": KeyError("Zebulonka")})
"""
    return {event["event"]: event for event in map(json.loads, lines(source))}


def test_a_line_is_an_event_with_its_fields(events: dict[str, dict[str, Any]]) -> None:
    event = events["message.sent"]
    assert (event["message_id"], event["level"], event["service"], event["logger"]) == (42, "info", "a-test", "ours")
    assert event["timestamp"].endswith("Z")


def test_numbers_are_hidden_however_deep(events: dict[str, dict[str, Any]]) -> None:
    event = events["message.sent"]
    assert (event["to"], event["parts"]) == ("…", ["call …", {"name": "…"}])


@pytest.mark.parametrize(
    "shown",
    [
        "connected to redis://:…@127.0.0.1:6379/0",
        "a header: Bearer … whsec_…",
        "Uvicorn running on http://127.0.0.1:20983",
    ],
)
def test_secrets_are_hidden_and_addresses_are_not(events: dict[str, dict[str, Any]], shown: str) -> None:
    assert shown in events


def test_a_library_s_copies_of_what_it_was_given_are_dropped(events: dict[str, dict[str, Any]]) -> None:
    assert not events["with data"].keys() & {"data", "color_message"}


def test_warnings_are_lines_too(events: dict[str, dict[str, Any]]) -> None:
    [warning] = [event for event in events.values() if event["logger"] == "py.warnings"]
    assert "you should not" in warning["event"]


@pytest.mark.parametrize("event", ["ours.failed", "theirs failed"])
def test_of_an_exception_kind_and_place_are_kept_and_only_our_own_words(
    events: dict[str, dict[str, Any]], event: str
) -> None:
    told = events[event]["exception"].splitlines()
    assert told[1] == "ValueError"
    assert told[-1].startswith("services.core.domain.failures.NotFound: ")
    assert "in <module>" in told[0]
    assert "Zebulonka" not in json.dumps(events)


def test_for_a_person_it_is_coloured() -> None:
    [line] = lines('log.warning("beat.lease_lost", term=3)', form="console")
    assert "\x1b[" in line
    assert "beat.lease_lost" in line


def test_levels_of_what_only_chatters() -> None:
    assert lines('logging.getLogger("alembic.runtime.migration").info("Context impl")') == []
