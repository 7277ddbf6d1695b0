"""Each alert rings when a running stack is hurt, with a real Prometheus, and is silent once it is mended."""

import shutil
from collections.abc import Iterator

import pytest

from tests.tools.alert_drills import DRILLS, Drill
from tests.tools.drill_stack import WatchedStack, watched_stack
from tests.tools.waiting import wait_until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian's prometheus is not installed"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedStack]:
    with watched_stack(tmp_path_factory.mktemp("drill")) as stack:
        yield stack


def test_every_role_is_read_and_nothing_rings(stack: WatchedStack) -> None:
    wait_until(lambda: stack.value("sum(up)") == len(stack.run_file["metrics"]))
    wait_until(lambda: stack.firing() == [])


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: "-".join(drill.alerts))
def test_it_rings_and_is_silent_again(stack: WatchedStack, drill: Drill) -> None:
    assert not any(stack.rings(alert, labels) for alert, labels in drill.alerts.items())
    play = drill.play(stack)
    next(play)
    try:
        wait_until(lambda: all(stack.rings(alert, labels) for alert, labels in drill.alerts.items()), within=240)
    finally:
        next(play, None)
    wait_until(lambda: not any(stack.rings(alert, labels) for alert, labels in drill.alerts.items()), within=240)


def test_nothing_rings_in_the_end(stack: WatchedStack) -> None:
    wait_until(lambda: stack.firing() == [], within=240)
