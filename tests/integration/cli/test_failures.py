"""However a command fails, it is one line on standard error, the right exit code, and nothing on standard output."""

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from services.cli.laptop.identity import write_settings
from tests.conftest import PostgresProcess
from tests.tools.command_line import TEXT, CommandLine
from tests.tools.waiting import wait_until

BIG = "9" * 30


REFUSED = [
    ("contacts", "show", "+12025550199"),
    ("contacts", "show", "nobody"),
    ("contacts", "show", BIG),
    ("contacts", "show", "²"),
    ("contacts", "confirm", "99"),
    ("contacts", "add", "911"),
    ("contacts", "add", "2025550143", "--state", "Narnia"),
    ("contacts", "add", "2025550143", "--timezone", "EST"),
    ("opt-outs", "add", "12", "--evidence", "x"),
    ("opt-outs", "add", "2025550143", "--evidence", " "),
    ("campaigns", "show", "none"),
    ("campaigns", "show", BIG),
    ("campaigns", "plan", "7"),
    ("campaigns", "start", "7", "--plan", "ff"),
    ("campaigns", "create", "--name", " ", "--all", "--template", TEXT),
    ("campaigns", "create", "--name", "12", "--all", "--template", TEXT),
    ("campaigns", "create", "--name", "x", "--all", "--template", "Hi {{first_name"),
    ("campaigns", "create", "--name", "x", "--all", "--template", "no way out"),
    ("campaigns", "create", "--name", "x", "--all", "--template", TEXT, "--split", "50"),
    ("campaigns", "create", "--name", "x", "--all", "--template", TEXT, "--batch-every", "soon"),
    ("campaigns", "create", "--name", "x", "--all", "--template", TEXT, "--ends-at", "2027-01-01T10:00:00"),
    ("messages", "show", "7"),
    ("messages", "why", "7"),
    ("messages", "list", "--campaign", "none"),
    ("reviews", "decide", "7", "--keep"),
    ("sending", "stop", "--reason", ""),
    ("schedule", "run-now", "backup"),
    ("schedule", "history", "backup"),
    ("dead-letters", "replay", "7"),
    ("dead-letters", "discard", "7", "--note", "x"),
    ("clock", "move", "--to", "2020-01-01T00:00:00Z"),
    ("clock", "move", "--to", "tomorrow"),
    ("clock", "move", "--to", "2027-01-01T00:00:00"),
    ("clock", "move", "--by", "later"),
    ("clock", "move", "--by", "P999999Y"),
    ("tokens", "create", " "),
    ("tokens", "revoke", "nobody"),
]

USAGE = [
    ("nonsense",),
    ("campaigns", "create", "--name", "x", "--template", TEXT),
    ("campaigns", "create", "--name", "x", "--template", TEXT, "--all", "--import", "1"),
    ("campaigns", "create", "--name", "x", "--all", "--template", TEXT, "--daily-cap", "0"),
    ("campaigns", "start", "7"),
    ("contacts", "import", "/no/such/file"),
    ("contacts", "list", "--limit", "0"),
    ("contacts", "list", "--limit", "1000000000"),
    ("contacts", "list", "--after", "-1"),
    ("messages", "list", "--status", "lost"),
    ("messages", "show", BIG),
    ("clock", "move"),
    ("clock", "move", "--by", "PT1H", "--to-next-opening"),
    ("dead-letters", "replay"),
    ("dead-letters", "replay", "7", "--all"),
    ("reviews", "decide", "7"),
    ("tokens", "create", "x", "--role", "god"),
]


def is_one_line(text: str) -> bool:
    return text.startswith("attackacrack: ") and text.count("\n") == 1 and "Traceback" not in text


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_refused_input(attackacrack: CommandLine, arguments: tuple[str, ...]) -> None:
    answer = attackacrack.run(*arguments)
    assert (answer.code, answer.out) == (3, ""), answer.err
    assert is_one_line(answer.err)


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_usage(attackacrack: CommandLine, arguments: tuple[str, ...]) -> None:
    answer = attackacrack.run(*arguments)
    assert (answer.code, answer.out) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "variable", "value"),
    [
        (("clock", "show"), "DATABASE_URL", "postgresql+psycopg://x:y@127.0.0.1:9/none"),
        (("schema", "migrate"), "DATABASE_URL", "postgresql+psycopg://x:y@127.0.0.1:9/none"),
        (("schema", "show"), "DATABASE_URL", "postgresql+psycopg://x:y@127.0.0.1:9/none"),
        (("clock", "show"), "DATABASE_URL", ""),
        (("queues",), "REDIS_URL", "redis://127.0.0.1:9/0"),
        (("workers",), "REDIS_URL", "redis://127.0.0.1:9/0"),
    ],
)
def test_what_cannot_be_reached(
    attackacrack: CommandLine, arguments: tuple[str, ...], variable: str, value: str
) -> None:
    answer = attackacrack.run(*arguments, **{f"ATTACKACRACK_{variable}": value})
    assert (answer.code, answer.out) == (4, "")
    assert is_one_line(answer.err)


def test_a_wait_says_what_it_waits_for_and_then_gives_up_in_one_line(attackacrack: CommandLine) -> None:
    nowhere = {"ATTACKACRACK_DATABASE_URL": "postgresql+psycopg://x:y@127.0.0.1:9/none"}
    answer = attackacrack.run("schema", "wait", "--seconds", "1", **nowhere)
    *waiting, last = answer.err.splitlines(keepends=True)
    assert (answer.code, answer.out) == (4, "")
    assert waiting
    assert all(json.loads(line)["reason"] for line in waiting)
    assert is_one_line(last)


def test_settings_that_are_not_valid(attackacrack: CommandLine) -> None:
    answer = attackacrack.run("clock", "show", ATTACKACRACK_PROVIDER_RATE="fast")
    assert (answer.code, is_one_line(answer.err)) == (2, True)
    assert "ATTACKACRACK_PROVIDER_RATE" in answer.err


def test_a_database_without_a_schema(attackacrack: CommandLine, postgres_server: PostgresProcess) -> None:
    url = postgres_server.create_database()
    answer = attackacrack.run("campaigns", "list", ATTACKACRACK_DATABASE_URL=url)
    assert (answer.code, is_one_line(answer.err)) == (1, True)
    assert "attackacrack schema migrate" in answer.err
    migrated = attackacrack.run("schema", "migrate", "--json", ATTACKACRACK_DATABASE_URL=url)
    assert migrated.document["revision"] == migrated.document["head"]


class TestWhichStack:
    @pytest.mark.parametrize("where", ["before the verb", "after it", "variable", "default folder"])
    def test_a_data_folder(
        self, attackacrack: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        folder = tmp_path / ".data"
        folder.mkdir()
        write_settings(folder, attackacrack.environment)
        monkeypatch.setenv("ATTACKACRACK_DATA", "")
        monkeypatch.chdir(tmp_path)
        attackacrack.environment = {"ATTACKACRACK_DATABASE_URL": "postgresql+psycopg://x:y@127.0.0.1:9/other"}
        match where:
            case "before the verb":
                answer = attackacrack.run("--data", folder, "clock", "show")
            case "after it":
                answer = attackacrack.run("clock", "show", "--data", folder)
            case "variable":
                answer = attackacrack.run("clock", "show", ATTACKACRACK_DATA=str(folder))
            case _:
                answer = attackacrack.run("clock", "show")
        assert answer.code == 0, answer.err

    def test_a_folder_without_a_stack(self, attackacrack: CommandLine, tmp_path: Path) -> None:
        answer = attackacrack.run("clock", "show", "--data", tmp_path)
        assert (answer.code, is_one_line(answer.err)) == (4, True)


class TestTerminals:
    def test_data_cannot_steer_the_terminal(self, attackacrack: CommandLine) -> None:
        name = "\x1b[2J\x1b]0;owned\x07[red]Ada[/red]\u202e\x9b31m"
        attackacrack.ask("contacts", "add", "2025550143", "--first-name", name)
        for verb in (("contacts", "list"), ("contacts", "show", "+12025550143")):
            out = attackacrack.run(*verb).out
            assert not [character for character in out if not character.isprintable() and character != "\n"]
            assert "[red]Ada[/red]" in out
        document = attackacrack.run("contacts", "show", "+12025550143", "--json")
        assert document.document["first_name"] == name
        assert "\x1b" not in document.out

    @pytest.mark.parametrize("as_json", [True, False])
    def test_a_reader_that_goes_away(self, attackacrack: CommandLine, as_json: bool) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        command = [sys.executable, "-m", "services.cli", "schedule", "list", *(["--json"] if as_json else [])]
        with os.fdopen(writer, "wb") as closed:
            ended = subprocess.run(
                command, stdout=closed, stderr=subprocess.PIPE, env=os.environ | attackacrack.environment, check=False
            )
        assert (ended.returncode, ended.stderr) == (130, b"")

    def test_an_interrupt(self, attackacrack: CommandLine) -> None:
        reader, writer = os.pipe()
        with subprocess.Popen(
            [sys.executable, "-m", "services.cli", "contacts", "import", "-"],
            stdin=reader,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | attackacrack.environment,
            # whoever runs the tests in the background may have had SIGINT ignored for all its children
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - no threads
        ) as running:
            os.write(writer, b"phone\n")
            wait_until(lambda: is_waiting_for_more(running.pid, reader))
            os.close(reader)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=30)
            os.close(writer)
        assert (running.returncode, out, err) == (130, b"", b"")
        assert attackacrack.ask("contacts", "list")["items"] == []


def is_waiting_for_more(pid: int, pipe: int) -> bool:
    """Whether the process has read all there is and sleeps in `read`: a signal before that could be seen too late."""
    left = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]
    return left == 0 and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
