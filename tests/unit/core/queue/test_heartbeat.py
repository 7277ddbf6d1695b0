from datetime import timedelta
from pathlib import Path

import pytest

from services.core.queue.heartbeat import LIVE, READY, STARTED, Heartbeat, Progress
from services.core.queue.times import Times

NOW = 1000.0
TIMES = Times(consumer_stalled_after=timedelta(seconds=15), reconnect_stalled_after=timedelta(seconds=60))
BOTH = {STARTED, LIVE, READY}


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        pytest.param(Progress(), set(), id="nothing has happened yet"),
        pytest.param(Progress(consumed_at=NOW), BOTH, id="consuming"),
        pytest.param(Progress(consumed_at=NOW - 14.9), BOTH, id="a tick ago"),
        pytest.param(Progress(consumed_at=NOW - 15), set(), id="the timer stalls"),
        pytest.param(Progress(reconnected_at=NOW - 59), {STARTED, LIVE}, id="reconnecting"),
        pytest.param(Progress(reconnected_at=NOW - 60), set(), id="the reconnect loop stalls"),
    ],
)
def test_the_files_say_what_holds(progress: Progress, expected: set[str], tmp_path: Path) -> None:
    Heartbeat(tmp_path, TIMES, progress).beat(now=NOW)
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_losing_the_broker_takes_ready_away_and_keeps_the_rest(tmp_path: Path) -> None:
    progress = Progress(consumed_at=NOW)
    heartbeat = Heartbeat(tmp_path, TIMES, progress)
    heartbeat.beat(now=NOW)
    progress.reconnecting()
    assert progress.reconnected_at is not None
    heartbeat.beat(now=progress.reconnected_at)
    assert {path.name for path in tmp_path.iterdir()} == {STARTED, LIVE}


def test_a_start_removes_what_an_earlier_process_left(tmp_path: Path) -> None:
    (tmp_path / LIVE).touch()
    heartbeat = Heartbeat(tmp_path, TIMES, Progress())
    heartbeat.start()
    heartbeat.stop()
    assert list(tmp_path.iterdir()) == []
