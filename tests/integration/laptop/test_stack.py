"""A stack restarts what dies, stops in order, keeps others out of its folder and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
import redis

from services.cli.laptop.identity import MEASURED, read_settings_file
from services.cli.laptop.process_table import processor_seconds, read_families
from services.cli.laptop.run_file import NoStackRunning, RunFile, read_run_file
from tests.tools.waiting import wait_until

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[3]
SMALL_STACK = Path(__file__).with_name("small_stack.py")
PATIENCE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class RunningStack:
    folder: Path
    process: subprocess.Popen[bytes]
    stderr: Path

    @property
    def run_file(self) -> RunFile:
        return read_run_file(self.folder)

    def pid(self, role: str) -> int:
        return self.run_file.roles[role].pid

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.stderr.read_text()
        return (self.folder / "run.json").exists()

    def all_pids(self) -> list[int]:
        """Every process that belongs to the stack but the supervisor itself."""
        return [entry.pid for entry in read_families([self.process.pid])[self.process.pid]][1:]

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        return self.said_until_its_end()

    def said_until_its_end(self) -> str:
        self.process.wait(timeout=PATIENCE_SECONDS)
        return self.stderr.read_text()


Start = Callable[..., RunningStack]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a stack in a folder and, unless told otherwise, waits until it is ready."""
    started: list[RunningStack] = []

    def begin(kind: str = "small", *, folder: str = "data", ready: bool = True) -> RunningStack:
        said = tmp_path / f"{len(started)}.stderr"
        with said.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, SMALL_STACK, tmp_path / folder, kind],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stderr=stderr,
            )
        stack = RunningStack(tmp_path / folder, process, said)
        started.append(stack)
        if ready:
            wait_until(stack.is_ready)
        return stack

    yield begin
    for stack in started:
        stack.process.kill()
        stack.process.wait()


class TestRunFile:
    def test_is_there_when_ready_and_private_and_gone_after_the_stop(self, start: Start) -> None:
        stack = start()
        run_file = json.loads((stack.folder / "run.json").read_text())
        assert (stack.folder / "run.json").stat().st_mode & 0o777 == 0o600
        assert (stack.folder / "settings.env").stat().st_mode & 0o777 == 0o600
        assert set(run_file) == {
            *("version", "urls", "roles", "simulator_ledger", "webhook_secrets", "api_token", "metrics"),
        }
        assert set(run_file["metrics"]) == set(MEASURED)
        assert set(run_file["urls"]) == {"ingress", "console", "flower", "simulator", "database", "redis", "traces"}
        assert set(run_file["webhook_secrets"]) == {"standard", "legacy"}
        assert set(run_file["roles"]) == {"store", "worker", "producer"}
        for role in run_file["roles"].values():
            assert os.getpgid(role["pid"]) == role["pid"]
            [child] = role["children"]
            assert os.getpgid(child["pid"]) == role["pid"]
        stack.stop()
        with pytest.raises(NoStackRunning):
            read_run_file(stack.folder)

    def test_of_a_killed_stack_is_replaced_and_its_addresses_are_kept(self, start: Start) -> None:
        first = start()
        old = first.run_file
        first.process.kill()
        first.process.wait()
        second = start(ready=False)
        wait_until(lambda: second.is_ready() and second.pid("store") != old.roles["store"].pid)
        assert second.run_file.urls == old.urls


class TestRestart:
    def test_gives_a_killed_role_a_new_process_and_says_so_in_one_line(self, start: Start) -> None:
        stack = start()
        old = stack.run_file.roles["worker"]
        os.kill(old.pid, signal.SIGKILL)
        wait_until(lambda: stack.pid("worker") != old.pid)
        wait_until(lambda: len(stack.run_file.roles["worker"].children) == 1)
        assert not is_running(old.children[0].pid)
        said = [line for line in stack.stop().splitlines() if "worker was ended by SIGKILL" in line]
        assert len(said) == 1
        assert said[0].endswith("restarting it in 0.5 s")

    def test_outlives_its_own_watcher(self, start: Start) -> None:
        stack = start()
        watcher = next(pid for pid in stack.all_pids() if "guard.py" in read_families([pid])[pid][0].command)
        os.kill(watcher, signal.SIGKILL)
        old = stack.pid("worker")
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: stack.pid("worker") != old)
        wait_until((stack.folder / "run/worker/ready").exists)
        pids = stack.all_pids()
        stack.process.kill()
        wait_until(lambda: not any(map(is_running, pids)))

    def test_gives_up_on_a_role_that_never_starts(self, start: Start) -> None:
        stack = start("broken", ready=False)
        said = stack.said_until_its_end()
        assert stack.process.returncode == 1
        assert said.splitlines()[-1] == f"broken ended 3 times at its start, see {stack.folder / 'logs/broken.log'}"
        assert not (stack.folder / "run.json").exists()


class TestStop:
    def test_ends_producers_first_and_stores_last(self, start: Start) -> None:
        stack = start()
        pids = stack.all_pids()
        stack.stop()
        assert stack.process.returncode == 0
        assert (stack.folder / "stopped").read_text().split() == ["producer", "worker", "store"]
        assert not any(map(is_running, pids))

    def test_kills_a_role_that_ignores_its_signal_after_its_grace(self, start: Start) -> None:
        stack = start("stubborn")
        pids = stack.all_pids()
        assert "stubborn did not stop in time, killing it" in stack.stop()
        assert (stack.folder / "stopped").read_text().split() == ["store"]
        assert not any(map(is_running, pids))

    def test_waits_for_no_role_longer_than_somebody_at_a_terminal_does(self, start: Start) -> None:
        stack = start("patient")
        pids = stack.all_pids()
        assert "stubborn did not stop in time, killing it" in stack.stop()
        assert (stack.folder / "stopped").read_text().split() == ["store"], "the last rank keeps its time"
        assert not any(map(is_running, pids))

    def test_a_second_signal_waits_for_nobody(self, start: Start) -> None:
        stack = start()
        os.kill(stack.pid("producer"), signal.SIGSTOP)
        stack.process.send_signal(signal.SIGINT)
        stack.process.send_signal(signal.SIGTERM)
        said = stack.said_until_its_end()
        assert stack.process.returncode == 0
        assert "producer did not stop in time, killing it" in said

    def test_before_it_is_ready_stops_what_already_runs(self, start: Start) -> None:
        stack = start("waiting", ready=False)
        for role in ("store", "worker"):
            wait_until((stack.folder / "run" / role / "ready").exists)
        pids = stack.all_pids()
        assert stack.stop().splitlines()[-1] == "stopped before it was ready"
        assert stack.process.returncode == 1
        assert (stack.folder / "stopped").read_text().split() == ["worker", "store"]
        assert not any(map(is_running, pids))

    def test_leaves_no_process_when_it_is_killed(self, start: Start) -> None:
        stack = start()
        pids = stack.all_pids()
        assert len(pids) == 7
        stack.process.kill()
        wait_until(lambda: not any(map(is_running, pids)))


class TestFolder:
    def test_is_refused_to_a_second_stack_in_one_line(self, start: Start) -> None:
        first = start()
        second = start(ready=False)
        said = second.said_until_its_end()
        assert second.process.returncode == 1
        assert said == f"{first.folder} is in use by process {first.process.pid}\n"
        assert first.is_ready()

    def test_keeps_its_addresses_and_secrets(self, start: Start) -> None:
        first = start()
        before = (first.run_file.urls, first.run_file.api_token, read_settings_file(first.folder))
        first.stop()
        second = start()
        assert (second.run_file.urls, second.run_file.api_token, read_settings_file(second.folder)) == before

    def test_two_stand_side_by_side(self, start: Start) -> None:
        one, other = start(folder="one"), start(folder="other")
        assert not set(one.run_file.urls.values()) & set(other.run_file.urls.values())
        one.stop()
        assert other.is_ready()
        assert all(map(is_running, (role.pid for role in other.run_file.roles.values())))

    def test_keeps_what_a_role_prints(self, start: Start) -> None:
        stack = start()
        wait_until(lambda: (stack.folder / "logs/worker.log").read_text() == "worker speaks\n")


class TestStores:
    def test_come_back_after_a_kill_with_their_data_and_leave_nothing_behind(self, start: Start) -> None:
        stack = start("stores")
        database = stack.run_file.urls["database"].removesuffix("attackacrack") + "postgres"
        with psycopg.connect(database) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        with redis.Redis.from_url(stack.run_file.urls["redis"]) as client:
            client.config_set("appendfsync", "always")
            client.set("kept", "1")
        for name in ("postgres", "valkey"):
            old = stack.pid(name)
            os.kill(old, signal.SIGKILL)
            wait_until(partial(is_another_process, stack, name, old))
        wait_until(lambda: can_connect(database))
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (1,)
        with redis.Redis.from_url(stack.run_file.urls["redis"]) as client:
            wait_until(lambda: answers(client))
            assert client.get("kept") == b"1"
        pids = stack.all_pids()
        assert len(pids) > 5
        stack.process.kill()
        wait_until(lambda: not any(map(is_running, pids)))


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def is_another_process(stack: RunningStack, name: str, old: int) -> bool:
    return stack.pid(name) != old


def can_connect(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def is_running(pid: int) -> bool:
    return pid in read_families([pid])


def test_processor_time_counts_children_that_have_ended(tmp_path: Path) -> None:
    program = "import subprocess, sys, time; subprocess.run([sys.executable, '-c', sys.argv[1]]); time.sleep(60)"
    work = "import time\nwhile time.process_time() < 0.5: pass"
    with subprocess.Popen([sys.executable, "-c", program, work]) as busy:
        try:
            wait_until(lambda: processor_seconds(busy.pid) >= 0.5)
            wait_until(lambda: len(read_families([busy.pid])[busy.pid]) == 1)
            assert processor_seconds(busy.pid) >= 0.5
        finally:
            busy.kill()
    assert processor_seconds(busy.pid) == 0
