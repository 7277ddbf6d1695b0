"""When PostgreSQL counts as ready, and what its command line says."""

from pathlib import Path

import pytest

from services.cli.laptop.postgres import NAMESPACE, PostgresCluster, Unprivileged


def cluster(data: Path, *, durable: bool = True, prefix: tuple[str, ...] = ()) -> PostgresCluster:
    return PostgresCluster(data, Path("/opt/bin"), 20_005, "secret", Unprivileged(prefix=prefix), durable)


def pid_file(*, pid: int, status: str) -> str:
    return f"{pid}\n/data\n1764000000\n20005\n\n127.0.0.1\n  123 456\n{status}\n"


@pytest.mark.parametrize(
    ("content", "ready"),
    [
        (pid_file(pid=41, status="ready   "), True),
        (pid_file(pid=41, status="starting"), False),
        (pid_file(pid=41, status="stopping"), False),
        (pid_file(pid=40, status="ready   "), False),  # left by the server before
        ("41\n/data\n", False),  # still being written
        ("", False),
        (None, False),
    ],
)
def test_is_ready_when_this_server_says_so(tmp_path: Path, content: str | None, ready: bool) -> None:
    if content is not None:
        (tmp_path / "postmaster.pid").write_text(content)
    assert cluster(tmp_path).is_ready(41) is ready


@pytest.mark.parametrize(("durable", "expected"), [(True, False), (False, True)])
def test_only_what_asks_for_it_is_not_durable(tmp_path: Path, durable: bool, expected: bool) -> None:
    assert ("fsync=off" in cluster(tmp_path, durable=durable).command) is expected


def test_the_command_starts_in_the_namespace_and_keeps_commit_timestamps(tmp_path: Path) -> None:
    command = cluster(tmp_path, prefix=NAMESPACE).command
    assert command[: len(NAMESPACE) + 1] == (*NAMESPACE, "/opt/bin/postgres")
    assert "track_commit_timestamp=on" in command
    assert "listen_addresses=127.0.0.1" in command
