"""What a role prints comes out line by line and is kept in a bounded file."""

import asyncio
import io
import os
from pathlib import Path

import pytest

from services.cli.laptop import role_log
from services.cli.laptop.role_log import SUPERVISOR, RoleLog, terminal_log


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines_of(tmp_path: Path, *writes: bytes) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []

    async def write_all() -> None:
        log = RoleLog("beat", tmp_path / "beat.log", lambda source, line: said.append((source, line)))
        for chunk in writes:
            os.write(log.descriptor, chunk)
        log.close()

    asyncio.run(write_all())
    return said


@pytest.mark.parametrize(
    ("writes", "lines"),
    [
        ((b"one\ntwo\n",), ["one", "two"]),
        ((b"on", b"e\n"), ["one"]),
        ((b"no end",), ["no end"]),
        ((b"dos\r\n\n",), ["dos", ""]),
        ((b"\xff\n",), ["\ufffd"]),
        ((), []),
    ],
)
def test_lines_come_out_whole(tmp_path: Path, writes: tuple[bytes, ...], lines: list[str]) -> None:
    assert lines_of(tmp_path, *writes) == [("beat", line) for line in lines]
    assert (tmp_path / "beat.log").read_bytes() == b"".join(writes)


def test_a_full_disk_costs_lines_of_the_file_alone_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(role_log, "LINE_LIMIT", 4)  # so that it is written in several pieces
    (tmp_path / "beat.log").symlink_to("/dev/full")
    said = lines_of(tmp_path, b"one\ntwo\nsix\n")
    assert [line for source, line in said if source == "beat"] == ["one", "two", "six"]
    [complaint] = [line for source, line in said if source == SUPERVISOR]
    assert complaint == "beat's log can't be written (No space left on device), its lines are lost"


def test_the_file_is_renamed_when_it_is_full_and_a_full_line_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(role_log, "FILE_LIMIT", 10)
    monkeypatch.setattr(role_log, "LINE_LIMIT", 4)
    assert [line for _, line in lines_of(tmp_path, b"abcdefgh\nij\n")] == ["abcdefgh", "", "ij"]
    assert (tmp_path / "beat.log.1").read_bytes() == b"abcdefgh"
    assert (tmp_path / "beat.log").read_bytes() == b"\nij\n"


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (Terminal(), "\x1b[36mbeat              \x1b[0m tick\n\x1b[33msupervisor        \x1b[0m ready\n"),
        (io.StringIO(), "ready\n"),
    ],
)
def test_a_terminal_shows_all_in_colours_and_a_file_our_own_lines(stream: io.StringIO, expected: str) -> None:
    log = terminal_log(stream)
    log("beat", "tick")
    log(SUPERVISOR, "ready")
    assert stream.getvalue() == expected
